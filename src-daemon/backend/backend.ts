/** The daemon's core: wishes of users, events of the server and of the data plane in; state, configuration, messages out. */
import type { Clock, Random } from '#shared/async/clock.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import type { PrivateKey } from '#shared/key/key.ts';
import type { PingResult, WhoIsResponse } from '#shared/localapi/misc.ts';
import {
  applyPrefsEdit,
  type Prefs,
  type PrefsEdit,
  type StartOptions,
  samePrefs,
} from '#shared/localapi/prefs.ts';
import type { RhumbFacts } from '#shared/localapi/rhumb.ts';
import { State, type StateName, type Status } from '#shared/localapi/status.ts';
import { type LoginProfile, NO_PROFILE } from '#shared/localapi/user.ts';
import type { Log } from '#shared/log/log.ts';
import { isMateriallyEqual } from '#shared/netcheck/net-info.ts';
import type { Hostinfo, NetInfo } from '#shared/wire/hostinfo.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type { NodeAnswer, NodeCall } from '../control/node-calls.ts';
import type { ControlClient, ControlEvents, MapChange, NetworkMap } from '../control/types.ts';
import type { Health } from '../health/health.ts';
import type { MapCache } from '../store/map-cache.ts';
import { Account } from './account.ts';
import type { Bus, WatchActor, Watcher } from './bus.ts';
import { Course } from './course.ts';
import { chosenExit, closesMore } from './exit-choice.ts';
import { type ExitEdit, ExitNodes, toggleExit } from './exit-nodes.ts';
import type { ExitSuggestion } from './exit-suggestion.ts';
import { isExpired } from './expiry.ts';
import { healthState } from './health-json.ts';
import { afterMap } from './identity.ts';
import { KeptMap, type KeptMapDeps } from './kept-map.ts';
import { firstKnowledge, type Knowledge, nodeKeyOf, serverUrl } from './knowledge.ts';
import { type ControlSetup, Login } from './login.ts';
import { OUR_ADDRESS, parseWhoIsAddr, type WhoIsTarget, whoIs } from './lookup.ts';
import { netMapJson } from './netmap-json.ts';
import { nodeIps } from './node-ips.ts';
import { type KnownCaller, peerCaller } from './peer-caller.ts';
import { Pinger, type PingTarget } from './ping.ts';
import type { DataPlane, PlaneConfig } from './plane.ts';
import { adjustEdit, checkPrefs } from './prefs-check.ts';
import type { NoteKind } from './profile-notes.ts';
import type { Profile, Profiles } from './profiles.ts';
import { routeCounts } from './route-counts.ts';
import { Serial } from './serial.ts';
import { assembleStatus } from './status.ts';
import { WatchHub } from './watch-hub.ts';

export interface BackendDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: string;
  readonly profiles: Profiles;
  readonly mapCache: MapCache;
  readonly mapCodec: KeptMapDeps['mapCodec'];
  readonly plane: DataPlane;
  readonly openControl: (setup: ControlSetup, events: ControlEvents) => ControlClient;
  readonly hostinfo: (prefs: Prefs, about: Pick<Knowledge, 'netInfo' | 'peerApi'>) => Hostinfo;
  readonly os: { readonly name: string; readonly hostname: string };
  /** `changed` is to be called with every change of what is visible. */
  readonly health: (changed: () => void) => Health;
  /** An unguessable id, for watch sessions. */
  readonly newSessionId: () => string;
}

const LOGOUT_TIMEOUT_MS = 10_000;
/** Routes and firewall take a fraction of it; a name service that hangs must not hold up the user. */
const SHUT_WITHIN_MS = 5_000;

export class Backend implements AsyncDisposable {
  readonly health: Health;
  readonly #deps: BackendDeps;
  readonly #know: Knowledge;
  readonly #map: KeptMap;
  readonly #serial = new Serial();
  readonly #hub: WatchHub;
  readonly #course: Course;
  readonly #account: Account;
  readonly #exits: ExitNodes;
  readonly #pinger: Pinger;
  readonly #login: Login;
  #machineKey: PrivateKey;
  /** Before that nothing is known of what the user wants, so nothing follows from anything. */
  #hasStarted = false;

  static async open(deps: BackendDeps): Promise<Backend> {
    return new Backend(deps, await deps.profiles.machineKey(), deps.profiles.current());
  }

  private constructor(deps: BackendDeps, machineKey: PrivateKey, profile: Profile) {
    const { clock, plane } = deps;
    const know = firstKnowledge(profile);
    this.#deps = deps;
    this.#know = know;
    this.#machineKey = machineKey;
    this.#hub = new WatchHub({
      clock,
      plane,
      know,
      health: () => this.health,
      status: () => this.status(true),
      newSessionId: deps.newSessionId,
      suggestedExitNode: () => this.#exits.current(),
    });
    this.health = deps.health(() => this.bus.send({ Health: healthState(this.health.visible()) }));
    const parts = { ...deps, know, serial: this.#serial, bus: this.bus, health: this.health };
    this.#map = new KeptMap(parts);
    this.#course = new Course(parts);
    this.#exits = new ExitNodes(parts);
    this.#account = new Account({ ...parts, changed: () => this.#course.step() });
    this.#pinger = new Pinger(
      plane,
      clock,
      () => (this.#know.map === undefined ? [] : nodeIps(this.#know.map.self)),
      (ip) => know.peerApi.find((at) => at.ip === ip)?.port ?? 0,
    );
    this.#login = new Login({
      ...parts,
      machineKey: () => this.#machineKey,
      pinger: this.#pinger,
      changed: () => this.#course.step(),
      accept: (next) => this.#account.accept(next),
      netmap: (map, change) => this.#netmap(map, change),
    });
    plane.attach({
      endpoints: (endpoints) => this.#know.session?.client.setEndpoints(endpoints),
      network: (up, lan) => this.#networkIs(up, lan),
      netInfo: (info, isCaptive) => this.#netInfoIs(info, isCaptive),
      relays: (relays) => {
        this.#know.relays = relays;
        this.#course.step();
      },
      peerApi: (at) => {
        know.peerApi = at;
        this.#tellServer();
      },
      linkChanged: () => {
        this.#exits.networkChanged();
        this.#know.session?.client.retryNow();
      },
      // Handshakes are renewed every two minutes with each peer; only a start waits for one.
      peerUp: () => {
        if (this.#know.state === 'Starting') this.#course.step();
      },
      trouble: (what, error) => this.#reportTrouble(what, error),
    });
  }

  get bus(): Bus {
    return this.#hub.bus;
  }

  /** Resumes what the stored preferences say (§3.3); the last map is used until a newer one comes. */
  async start(): Promise<void> {
    await this.#serial.run(async () => {
      await this.#map.load();
      this.#hasStarted = true;
      this.#login.resume('');
      this.#course.step();
    });
  }

  // --- What clients ask ---

  get state(): StateName {
    return this.#know.state;
  }

  status(withPeers: boolean): Status {
    const { version, plane, os, clock } = this.#deps;
    const { state, session, map, profile } = this.#know;
    return assembleStatus(
      {
        version,
        state,
        hasTun: plane.hasTun,
        nodeKey: nodeKeyOf(this.#know),
        authUrl: session?.authUrl ?? '',
        map,
        online: session?.up === true,
        hostname: os.hostname,
        os: os.name,
        endpoints: plane.endpoints().map(({ addr }) => addr),
        health: this.health
          .visible()
          .filter(({ code }) => code !== 'warming-up')
          .map(({ text }) => text),
        nowMs: clock.now(),
        home: this.#know.relays.home,
        peerApi: this.#know.peerApi,
        exitNodeId: chosenExit(profile.prefs) ?? '',
        acceptsRoutes: profile.prefs.RouteAll,
        peerOf: (key) => plane.peer(key),
      },
      withPeers,
    );
  }

  /** What official daemons have no place for. */
  facts(): RhumbFacts {
    const { state, runningSinceMs, profile, map } = this.#know;
    const regions = Object.values(map?.derpMap?.Regions ?? {}).filter((region) => region !== null);
    return {
      RunningSince: state === 'Running' ? runningSinceMs : undefined,
      KeyCreated: profile.persist.nodeKey === undefined ? undefined : profile.persist.keyCreatedMs,
      Relays: regions.map(({ RegionID, RegionCode, RegionName }) => ({
        RegionID,
        RegionCode,
        RegionName,
        LatencySeconds: this.#exits.latencyOf(RegionID) ?? 0,
      })),
    };
  }

  prefs(): Prefs {
    return this.#account.prefs();
  }

  currentProfile(): LoginProfile {
    const { login } = this.#know.profile;
    return login.NodeID === '' ? NO_PROFILE : login;
  }

  allProfiles(): readonly LoginProfile[] {
    return this.#deps.profiles.all();
  }

  /** Immutable; replaced as a whole with every change. Undefined before a server sent one. */
  get map(): NetworkMap | undefined {
    return this.#know.map;
  }

  /** What the data plane is to be now; undefined while it is to be nothing. */
  get wishedPlane(): PlaneConfig | undefined {
    return this.#course.wished;
  }

  /** Has the coordination server do something for this machine. */
  async askServer(request: NodeCall, signal: AbortSignal): Promise<NodeAnswer> {
    return await this.#client().ask(request, signal);
  }

  /** The map as watchers get it; undefined before there is one. */
  mapJson(): Record<string, unknown> | undefined {
    const { map, mapIsCached } = this.#know;
    return map === undefined ? undefined : netMapJson(map, mapIsCached);
  }

  /** What a window keeps with the current profile. */
  note(kind: NoteKind): string | undefined {
    return this.#deps.profiles.note(this.#know.profile.login, kind);
  }

  setNote(kind: NoteKind, text: string): Promise<void> {
    return this.#deps.profiles.setNote(this.#know.profile.login, kind, text);
  }

  derpMap(): DerpMap | undefined {
    return this.#know.map?.derpMap;
  }

  /** Undefined for an address that is nobody's; throws `bad-argument` for what is no address. */
  whoIs(addr: string, target: WhoIsTarget = OUR_ADDRESS): WhoIsResponse | undefined {
    const query = parseWhoIsAddr(addr);
    if (query === undefined) throw new RhumbError('bad-argument', "invalid 'addr' parameter");
    return this.#know.map === undefined ? undefined : whoIs(this.#know.map, query, target);
  }

  /** Who speaks to our PeerAPI from this address. Undefined unless the tunnel, too, knows it as that peer's. */
  peerCaller(ip: string): KnownCaller | undefined {
    const { map, profile } = this.#know;
    const caller = map === undefined ? undefined : peerCaller(map, profile.prefs, ip);
    if (map === undefined || caller === undefined || caller.id === map.self.StableID) return caller;
    return caller.key !== undefined && this.#deps.plane.owns(caller.key, ip) ? caller : undefined;
  }

  routeCounts(): ReturnType<typeof routeCounts> {
    return routeCounts(this.#know.profile.prefs, this.#know.map);
  }

  /** Names that are not resolved for clients of this exit node. */
  get refusedNames(): readonly string[] {
    return this.#know.map?.dns?.ExitNodeFilteredSet ?? [];
  }

  ping(target: PingTarget, signal: AbortSignal): Promise<PingResult> {
    const { state, map } = this.#know;
    if (state !== 'Running' && state !== 'Starting')
      throw new RhumbError('unavailable', `can't ping while rhumb is ${state}: run 'rhumb up' first`);
    return this.#pinger.ping(map, target, signal);
  }

  watch(mask: number, actor: WatchActor): Watcher {
    return this.#hub.watch(mask, actor);
  }

  // --- What clients change ---

  /** Throws `bad-argument` with what is wrong. */
  checkPrefs(wanted: Prefs): void {
    checkPrefs(wanted);
    const name = wanted.ProfileName;
    const own = this.#know.profile.login.ID;
    if (name !== '' && this.allProfiles().some(({ ID, Name }) => ID !== own && Name === name))
      throw new RhumbError('bad-argument', `profile name ${JSON.stringify(name)} already in use`);
  }

  /** Resolves when the edit is on disk and in force. An edit that changes nothing says nothing. */
  editPrefs(edit: PrefsEdit): Promise<Prefs> {
    return this.#serial.run(() => this.#edit(edit));
  }

  /** Throws `unavailable` as long as it can't be told. */
  suggestExitNode(): ExitSuggestion {
    return this.#exits.suggest();
  }

  /** Puts the exit node aside, or takes up again the one put aside. Rejects with `conflict` when there is none. */
  setUseExitNodeEnabled(enabled: boolean): Promise<Prefs> {
    return this.#serial.run(() => {
      const edit = toggleExit(this.#know.profile.prefs, enabled);
      return edit === undefined ? this.prefs() : this.#edit(edit);
    });
  }

  /** `start` (§3.3): the only place where another login server takes effect. */
  startWith(options: StartOptions): Promise<void> {
    return this.#serial.run(async () => {
      const know = this.#know;
      const wanted = options.UpdatePrefs ?? know.profile.prefs;
      this.checkPrefs(wanted);
      const isElsewhere = know.session !== undefined && serverUrl(wanted) !== know.session.serverUrl;
      // What the map of another network says of an exit node holds for nothing.
      await this.#setPrefs(isElsewhere ? withoutConfig(wanted) : this.#exits.resolve(withoutConfig(wanted)));
      if (isElsewhere) this.#map.forget();
      await this.#login.end();
      if (isElsewhere) await this.#map.dropCopy();
      know.state = 'NoState';
      this.#hasStarted = true;
      this.#login.resume(options.AuthKey);
      this.#course.step();
    });
  }

  /** Returns at once; the sign-in address comes on the bus. */
  loginInteractive(actor: WatchActor): Promise<void> {
    return this.#serial.run(() => {
      this.#login.interactive(actor);
      this.#course.step();
    });
  }

  /**
   * Forgets this machine's login (§3.8). Rejects when the server couldn't be told; the local part is done then too. When the
   * wish can't be stored nothing has happened: a restart would take a logout back that was already in force.
   */
  logout(signal: AbortSignal): Promise<void> {
    return this.#serial.run(async () => {
      const know = this.#know;
      await this.#setPrefs({ ...know.profile.prefs, WantRunning: false, LoggedOut: true }).catch(
        (error: unknown) => {
          throw stillLoggedIn(error);
        },
      );
      know.blocked = true;
      this.#map.forget();
      this.#course.step();
      const limit = AbortSignal.any([signal, AbortSignal.timeout(LOGOUT_TIMEOUT_MS)]);
      const failure = await this.#login.tellLogout(limit);
      await this.#login.end();
      await this.#map.dropCopy();
      await this.#deps.profiles.remove(know.profile.login.ID);
      this.#adopt(this.#deps.profiles.fresh());
      this.#course.step();
      if (failure !== undefined) throw failure;
    });
  }

  async setExpirySooner(expiryMs: number, signal: AbortSignal): Promise<void> {
    await this.#client().setExpirySooner(expiryMs, signal);
  }

  /** Forgets every login and the key of this machine without telling any server (§3.8). */
  resetAuth(): Promise<void> {
    const { profiles } = this.#deps;
    return this.#serial.run(async () => {
      await profiles.reset();
      this.#machineKey = await profiles.machineKey();
      await this.#switchTo(profiles.fresh());
    });
  }

  /** Looks at once whether the server is still there. */
  dropServerConnection(): void {
    this.#know.session?.client.retryNow();
  }

  clearMapCache(): Promise<void> {
    return this.#deps.mapCache.clear();
  }

  /** As if the present map had just come. */
  announceMapAgain(): void {
    const { map } = this.#know;
    if (map !== undefined)
      this.#hub.announceMap(map, { kind: 'full', self: true, changed: [], removed: [], other: true });
  }

  /** Ends the session with the server, so that it sends others elsewhere; tunnels stay as they are until the next start. */
  disconnectControl(): Promise<void> {
    return this.#serial.run(async () => {
      await this.#login.end();
      this.#course.step();
    });
  }

  /** A new empty profile becomes the current one. */
  newProfile(): Promise<void> {
    return this.#serial.run(() => this.#switchTo(this.#deps.profiles.fresh()));
  }

  switchProfile(id: string): Promise<void> {
    return this.#serial.run(async () => {
      if (id === this.#know.profile.login.ID) return;
      const profile = this.#deps.profiles.find(id);
      if (profile === undefined) throw new RhumbError('not-found', 'Profile not found');
      await this.#switchTo(profile);
    });
  }

  deleteProfile(id: string): Promise<void> {
    const { profiles } = this.#deps;
    return this.#serial.run(async () => {
      if (!this.allProfiles().some(({ ID }) => ID === id))
        throw new RhumbError('not-found', 'Profile not found');
      if (id === this.#know.profile.login.ID) await this.#switchTo(profiles.fresh());
      await profiles.remove(id);
    });
  }

  /** Ends the session and takes the data plane away. What the user wants stays stored, so that a restart resumes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#course.halt();
    this.#account.close();
    this.#hub.close();
    await this.#course.close();
    await this.#serial.idle();
    await this.#login.end();
    this.health.close();
    await this.#deps.mapCache.flush();
  }

  /** What the state store reports of each write. */
  storeReported(error: unknown): void {
    this.#account.storeReported(error);
  }

  /** Resolves when everything that was asked for has been done; for tests. */
  async idle(): Promise<void> {
    await this.#serial.idle();
    await this.#course.idle();
    await this.#serial.idle();
  }

  // --- The network map ---

  async #netmap(map: NetworkMap, change: MapChange): Promise<void> {
    const know = this.#know;
    const isNewSelf = know.map?.self.StableID !== map.self.StableID;
    this.#map.set(map);
    if (!isExpired(map.self, this.#deps.clock.now(), map.clockSkewMs)) know.blocked = false;
    await this.#account.accept(this.#deps.profiles.continued(afterMap(know.profile, map)));
    if (this.#exits.isConcernedBy(change, map)) await this.#chooseExit();
    this.health.setServerMessages(map.displayMessages, map.health);
    if (isNewSelf) this.bus.resetProfiles();
    this.#hub.announceMap(map, change);
    this.#course.step();
  }

  // --- Profiles and preferences ---

  async #edit(edit: ExitEdit): Promise<Prefs> {
    const current = this.#know.profile.prefs;
    const edited = applyPrefsEdit(current, adjustEdit(current, edit));
    if (edited === current) return this.prefs();
    this.checkPrefs(edited);
    const wanted = this.#exits.resolve(edited);
    if (samePrefs(wanted, current)) return this.prefs();
    await this.#setPrefs(wanted);
    this.#course.step();
    if (closesMore(wanted, current)) await this.#shut(current);
    return this.prefs();
  }

  /** An exit node that can't be had is given up again: who reads that it is set would send things outside. */
  async #shut(before: Prefs): Promise<void> {
    const failure = await this.#course.settled(SHUT_WITHIN_MS);
    if (failure === undefined) return;
    await this.#setPrefs(before);
    this.#course.step();
    throw new RhumbError(
      'unavailable',
      `the settings stay as they were, because nothing would keep packets from leaving outside the exit node: ${failure}`,
    );
  }

  /** With what is known by now; the change is told like one of the user's. */
  async #chooseExit(): Promise<void> {
    const { profile } = this.#know;
    this.#exits.current();
    const prefs = this.#exits.resolve(profile.prefs);
    if (prefs === profile.prefs) return;
    this.#deps.log('info', 'exit-node.chosen', { id: prefs.ExitNodeID });
    await this.#account.accept({ ...profile, prefs });
    this.#tellServer();
  }

  #chooseExitSoon(): void {
    this.#serial
      .run(async () => {
        await this.#chooseExit();
        this.#course.step();
      })
      .catch((error: unknown) => this.#deps.log('error', 'exit-node.choice-failed', { error }));
  }

  /** Facts about this machine that follow from the preferences and the network. */
  #tellServer(): void {
    const { session, profile } = this.#know;
    session?.client.setHostinfo(this.#deps.hostinfo(profile.prefs, this.#know));
  }

  async #setPrefs(wanted: Prefs): Promise<void> {
    const before = this.#know.profile.prefs;
    await this.#account.setPrefs(wanted);
    const { profile } = this.#know;
    this.#tellServer();
    if (before.WantRunning || !wanted.WantRunning) return;
    this.#course.warmUp();
    if (profile.persist.nodeKey !== undefined && !wanted.LoggedOut) this.#login.ensure();
  }

  #adopt(profile: Profile): void {
    this.#map.forget();
    this.#exits.forget();
    this.#account.adopt(profile);
  }

  #client(): ControlClient {
    const { session } = this.#know;
    if (session === undefined) throw new RhumbError('unavailable', "not connected: run 'rhumb up' first");
    return session.client;
  }

  async #switchTo(profile: Profile): Promise<void> {
    // First, so that a switch that can't be stored has changed nothing.
    if (profile.persist.nodeKey !== undefined) await this.#account.storeOther(profile);
    await this.#login.end();
    await this.#map.dropCopy();
    this.#know.state = 'NoState';
    this.bus.send({ State: State.NoState });
    this.#adopt(profile);
    this.#login.resume('');
    this.#course.step();
  }

  // --- Surroundings ---

  #networkIs(up: boolean, lan: readonly string[]): void {
    const know = this.#know;
    const isOther = lan.join() !== know.lan.join();
    const isTurn = up !== know.networkUp;
    if (isOther) know.lan = lan;
    know.networkUp = up;
    if (this.#hasStarted && (isOther || isTurn)) this.#course.step();
    if (isTurn && up) know.session?.client.retryNow();
  }

  #netInfoIs(info: NetInfo, isCaptive: boolean): void {
    const know = this.#know;
    if (isCaptive !== know.isCaptive) {
      know.isCaptive = isCaptive;
      this.#course.step();
    }
    if (this.#exits.measured(info)) this.#chooseExitSoon();
    // Latencies are others at each check: told each time, every machine with traffic would write to the server for ever.
    if (isMateriallyEqual(know.netInfo, info)) return;
    know.netInfo = info;
    this.#tellServer();
  }

  #reportTrouble(what: Parameters<Health['report']>[0], error: string | undefined): void {
    this.health.report(what, error !== undefined, error === undefined ? {} : { error });
  }
}

const withoutConfig = (prefs: Prefs): Prefs => ({ ...prefs, Config: undefined });

function stillLoggedIn(error: unknown): RhumbError {
  const { code, message } = toRhumbError(error);
  return new RhumbError(
    code,
    `this machine is still logged in, because that could not be stored: ${message}; make the state folder writable or free some space, then log out again`,
    { cause: error },
  );
}
