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
import { State, type StateName, type Status } from '#shared/localapi/status.ts';
import { type LoginProfile, NO_PROFILE } from '#shared/localapi/user.ts';
import type { Log } from '#shared/log/log.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type {
  ControlClient,
  ControlEvents,
  ControlIdentity,
  LoginFinished,
  MapChange,
  NetworkMap,
} from '../control/types.ts';
import type { Health } from '../health/health.ts';
import type { MapCache } from '../store/map-cache.ts';
import { AUTH_URL_LIFE_MS, isShowableUrl } from './auth-url.ts';
import type { Bus, WatchActor, Watcher } from './bus.ts';
import { controlEvents } from './control-events.ts';
import { isExpired } from './expiry.ts';
import { factsOf, isPaused } from './facts.ts';
import { healthState } from './health-json.ts';
import { reportHealth } from './health-rules.ts';
import { afterLogin, afterMap } from './identity.ts';
import { firstKnowledge, type Knowledge, nodeKeyOf, serverUrlOf } from './knowledge.ts';
import { lockPublic } from './lock-key.ts';
import { parseWhoIsAddr, whoIs } from './lookup.ts';
import { nextState } from './next-state.ts';
import { Pinger, type PingTarget } from './ping.ts';
import type { DataPlane } from './plane.ts';
import { PlaneKeeper } from './plane-keeper.ts';
import { PlaneWish } from './plane-wish.ts';
import { adjustEdit, checkPrefs } from './prefs-check.ts';
import { type Profile, type Profiles, visiblePrefs } from './profiles.ts';
import { Serial } from './serial.ts';
import { isMetByAuthKey, type LoginGoal, newSession, type Session, startLogin } from './session.ts';
import { assembleStatus, nodeIps } from './status.ts';
import { WatchHub } from './watch-hub.ts';

export interface ControlSetup {
  readonly serverUrl: string;
  readonly identity: ControlIdentity;
  readonly hostinfo: Hostinfo;
  readonly initialMap: NetworkMap | undefined;
}

export interface BackendDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: string;
  readonly profiles: Profiles;
  readonly mapCache: MapCache;
  readonly mapCodec: {
    readonly encode: (map: NetworkMap) => string;
    readonly decode: (text: string) => NetworkMap | undefined;
  };
  readonly plane: DataPlane;
  readonly openControl: (setup: ControlSetup, events: ControlEvents) => ControlClient;
  readonly hostinfo: (prefs: Prefs) => Hostinfo;
  readonly os: { readonly name: string; readonly hostname: string };
  /** `changed` is to be called with every change of what is visible. */
  readonly health: (changed: () => void) => Health;
  /** An unguessable id, for watch sessions. */
  readonly newSessionId: () => string;
}

const WARMING_UP_MS = 5_000;
const LOGOUT_TIMEOUT_MS = 10_000;
/** From any state the last one is reached in fewer changes; more would be a loop. */
const MAX_CHANGES = 4;

export class Backend implements AsyncDisposable {
  readonly health: Health;
  readonly #deps: BackendDeps;
  readonly #log: Log;
  readonly #machineKey: PrivateKey;
  readonly #know: Knowledge;
  readonly #serial = new Serial();
  readonly #hub: WatchHub;
  readonly #keeper: PlaneKeeper;
  readonly #wish: PlaneWish;
  readonly #pinger: Pinger;
  /** Who asked for the sign-in page that is on its way. */
  #authActor: WatchActor | undefined;
  #cancelWarmUp: (() => void) | undefined;
  #closed = false;

  static async open(deps: BackendDeps): Promise<Backend> {
    return new Backend(deps, await deps.profiles.machineKey(), deps.profiles.current());
  }

  private constructor(deps: BackendDeps, machineKey: PrivateKey, profile: Profile) {
    const { clock, plane, log } = deps;
    this.#deps = deps;
    this.#log = log;
    this.#machineKey = machineKey;
    this.#know = firstKnowledge(profile);
    this.#hub = new WatchHub({
      clock,
      plane,
      know: this.#know,
      health: () => this.health,
      status: () => this.status(true),
      newSessionId: deps.newSessionId,
      looked: () => this.#step(),
    });
    this.health = deps.health(() => this.bus.send({ Health: healthState(this.health.visible()) }));
    this.#wish = new PlaneWish(clock, () => this.#step());
    this.#keeper = new PlaneKeeper({
      ...deps,
      settled: (error) => {
        this.#reportTrouble('router-failed', error);
        this.#step();
      },
    });
    this.#pinger = new Pinger(plane, clock, () =>
      this.#know.map === undefined ? [] : nodeIps(this.#know.map.self),
    );
    plane.attach({
      endpoints: (endpoints) => this.#know.session?.client.setEndpoints(endpoints),
      network: (up) => this.#networkIs(up),
      linkChanged: () => this.#know.session?.client.retryNow(),
      trouble: (what, error) => this.#reportTrouble(what, error),
    });
  }

  get bus(): Bus {
    return this.#hub.bus;
  }

  /** Resumes what the stored preferences say (§3.3); the last map is used until a newer one comes. */
  async start(): Promise<void> {
    await this.#serial.run(async () => {
      await this.#loadCachedMap();
      this.#startSession('');
    });
  }

  // --- What clients ask ---

  get state(): StateName {
    return this.#know.state;
  }

  status(withPeers: boolean): Status {
    const { version, plane, os, clock } = this.#deps;
    const { state, session, map } = this.#know;
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
        peerOf: (key) => plane.peer(key),
      },
      withPeers,
    );
  }

  prefs(): Prefs {
    return visiblePrefs(this.#know.profile);
  }

  currentProfile(): LoginProfile {
    const { login } = this.#know.profile;
    return login.NodeID === '' ? NO_PROFILE : login;
  }

  allProfiles(): readonly LoginProfile[] {
    return this.#deps.profiles.all();
  }

  derpMap(): DerpMap | undefined {
    return this.#know.map?.derpMap;
  }

  /** Undefined for an address that is nobody's; throws `bad-argument` for what is no address. */
  whoIs(addr: string): WhoIsResponse | undefined {
    const query = parseWhoIsAddr(addr);
    if (query === undefined) throw new RhumbError('bad-argument', "invalid 'addr' parameter");
    return this.#know.map === undefined ? undefined : whoIs(this.#know.map, query);
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
    return this.#serial.run(async () => {
      const current = this.#know.profile.prefs;
      const wanted = applyPrefsEdit(current, adjustEdit(edit));
      if (wanted === current) return this.prefs();
      this.checkPrefs(wanted);
      await this.#setPrefs(wanted);
      this.#step();
      return this.prefs();
    });
  }

  /** `start` (§3.3): the only place where another login server takes effect. */
  startWith(options: StartOptions): Promise<void> {
    return this.#serial.run(async () => {
      const know = this.#know;
      const wanted = options.UpdatePrefs ?? know.profile.prefs;
      this.checkPrefs(wanted);
      await this.#setPrefs({ ...wanted, Config: undefined });
      if (know.session !== undefined && serverUrlOf(know) !== know.session.serverUrl) this.#forgetMap();
      await this.#endSession();
      know.state = 'NoState';
      this.#startSession(options.AuthKey);
    });
  }

  /** Returns at once; the sign-in address comes on the bus. */
  loginInteractive(actor: WatchActor): Promise<void> {
    return this.#serial.run(() => {
      const session = this.#know.session ?? this.#openSession();
      const now = this.#deps.clock.monotonic();
      const hasFreshUrl = session.authUrl !== '' && now - session.authUrlAt < AUTH_URL_LIFE_MS;
      if (!isMetByAuthKey(session, now)) {
        this.#authActor = actor;
        if (hasFreshUrl) this.#showUrl(session);
        else this.#login(session, { interactive: true });
      }
      this.#step();
    });
  }

  /** Forgets this machine's login (§3.8). Rejects when the server couldn't be told; the local part is done then too. */
  logout(signal: AbortSignal): Promise<void> {
    return this.#serial.run(async () => {
      const know = this.#know;
      know.blocked = true;
      this.#forgetMap();
      await this.#setPrefs({ ...know.profile.prefs, WantRunning: false, LoggedOut: true });
      this.#step();
      const failure = await this.#tellLogout(
        AbortSignal.any([signal, AbortSignal.timeout(LOGOUT_TIMEOUT_MS)]),
      );
      await this.#endSession();
      await this.#deps.mapCache.clear();
      await this.#deps.profiles.remove(know.profile.login.ID);
      this.#adopt(this.#deps.profiles.fresh());
      this.#step();
      if (failure !== undefined) throw failure;
    });
  }

  /** A new empty profile becomes the current one. */
  newProfile(): Promise<void> {
    return this.#switchTo(() => this.#deps.profiles.fresh());
  }

  switchProfile(id: string): Promise<void> {
    if (id === this.#know.profile.login.ID) return Promise.resolve();
    return this.#switchTo(() => {
      const profile = this.#deps.profiles.find(id);
      if (profile === undefined) throw new RhumbError('not-found', 'Profile not found');
      return profile;
    });
  }

  async deleteProfile(id: string): Promise<void> {
    if (!this.allProfiles().some(({ ID }) => ID === id))
      throw new RhumbError('not-found', 'Profile not found');
    if (id === this.#know.profile.login.ID) await this.newProfile();
    await this.#serial.run(() => this.#deps.profiles.remove(id));
  }

  /** Ends the session and takes the data plane away. What the user wants stays stored, so that a restart resumes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#cancelWarmUp?.();
    this.#wish.close();
    this.#hub.close();
    this.#keeper.want(undefined);
    await this.#keeper.close();
    await this.#serial.idle();
    await this.#endSession();
    this.health.close();
    await this.#deps.mapCache.flush();
  }

  /** What the state store reports of each write. */
  storeReported(error: unknown): void {
    this.#know.storeHealthy = error === undefined;
    this.#reportTrouble('state-store-health', error === undefined ? undefined : toRhumbError(error).message);
    this.#step();
  }

  /** Resolves when everything that was asked for has been done; for tests. */
  async idle(): Promise<void> {
    await this.#serial.idle();
    await this.#keeper.idle();
    await this.#serial.idle();
  }

  // --- Session ---

  /** Opens the session and logs in as far as that goes without the user. */
  #startSession(authKey: string): void {
    const { prefs, persist } = this.#know.profile;
    if (authKey !== '' || (persist.nodeKey !== undefined && !prefs.LoggedOut))
      this.#login(this.#openSession(), { interactive: false, authKey: authKey === '' ? undefined : authKey });
    this.#step();
  }

  #openSession(): Session {
    const know = this.#know;
    const { persist, prefs } = know.profile;
    const serverUrl = serverUrlOf(know);
    let session: Session | undefined;
    const events = controlEvents(this.#serial, this.#log, {
      current: () => (session === know.session && !this.#closed ? session : undefined),
      authUrl: (mine, url) => this.#authUrl(mine, url),
      loginFailed: (mine, message) => {
        mine.loginError = message;
        this.bus.send({ ErrMessage: message });
        this.#step();
      },
      loginFinished: (mine, login) => this.#loginFinished(mine, login),
      netmap: (map, change) => this.#netmap(map, change),
      changed: () => this.#step(),
      openUrl: (mine, url) => {
        if (isShowableUrl(url, mine.serverUrl)) this.bus.send({ BrowseToURL: url });
      },
      pinger: this.#pinger,
      map: () => know.map,
    });
    const { nodeKey, oldNodeKey } = persist;
    const identity = {
      machineKey: this.#machineKey,
      nodeKey,
      oldNodeKey,
      lockKey: lockPublic(persist.lockKey),
    };
    const hostinfo = this.#deps.hostinfo(prefs);
    session = newSession(
      this.#deps.openControl({ serverUrl, identity, hostinfo, initialMap: know.map }, events),
      serverUrl,
    );
    know.session = session;
    session.client.setEndpoints(this.#deps.plane.endpoints());
    return session;
  }

  async #endSession(): Promise<void> {
    const { session } = this.#know;
    this.#know.session = undefined;
    this.#authActor = undefined;
    await session?.client[Symbol.asyncDispose]();
  }

  #login(session: Session, goal: LoginGoal): void {
    startLogin(session, goal, this.#deps.clock.monotonic());
  }

  async #tellLogout(signal: AbortSignal): Promise<RhumbError | undefined> {
    const { session, profile } = this.#know;
    if (session === undefined || profile.persist.nodeKey === undefined) return undefined;
    try {
      await session.client.logout(signal);
      return undefined;
    } catch (error) {
      this.#log('warn', 'logout.server-not-told', { error });
      return new RhumbError(
        'unavailable',
        `logged out on this machine, but the coordination server couldn't be told: ${toRhumbError(error).message}`,
        { cause: error },
      );
    }
  }

  #authUrl(session: Session, url: string): void {
    if (!isShowableUrl(url, session.serverUrl)) {
      this.#log('warn', 'login.url-refused', { url });
      return;
    }
    const isNew = session.authUrl !== url;
    session.authUrl = url;
    session.authUrlAt = this.#deps.clock.monotonic();
    // Nobody asked: the server doesn't take our key any more, so our peers won't either.
    if (!session.interactive) {
      session.login = 'under-way';
      this.#know.blocked = true;
    }
    if (isNew || this.#authActor !== undefined) this.#showUrl(session);
    this.#step();
  }

  /** To every watcher of the user who asked, or to all when nobody did. */
  #showUrl(session: Session): void {
    const actor = this.#authActor;
    this.#authActor = undefined;
    this.bus.send(
      { BrowseToURL: session.authUrl },
      (watcher) => actor === undefined || watcher.uid === actor.uid,
    );
  }

  async #loginFinished(session: Session, login: LoginFinished): Promise<void> {
    const how = { wasInteractive: session.interactive, serverUrl: session.serverUrl };
    session.login = 'done';
    session.loginAt = this.#deps.clock.monotonic();
    session.interactive = false;
    session.authUrl = '';
    session.loginError = '';
    await this.#saveProfile(afterLogin(this.#know.profile, login, how));
    this.bus.send({ LoginFinished: {} });
    this.#step();
  }

  async #netmap(map: NetworkMap, change: MapChange): Promise<void> {
    const know = this.#know;
    const isNewSelf = know.map?.self.StableID !== map.self.StableID;
    know.map = map;
    know.mapIsCached = false;
    if (!isExpired(map.self, this.#deps.clock.now(), map.clockSkewMs)) know.blocked = false;
    this.#deps.mapCache.put(() => this.#deps.mapCodec.encode(map));
    await this.#saveProfile(afterMap(know.profile, map));
    this.health.setServerMessages(map.displayMessages, map.health);
    if (isNewSelf) this.bus.resetProfiles();
    this.#hub.announceMap(map, change);
    this.#step();
  }

  // --- Profiles and preferences ---

  async #setPrefs(wanted: Prefs): Promise<void> {
    const before = this.#know.profile.prefs;
    await this.#saveProfile({ ...this.#know.profile, prefs: wanted });
    const { session, profile } = this.#know;
    session?.client.setHostinfo(this.#deps.hostinfo(wanted));
    if (before.WantRunning || !wanted.WantRunning) return;
    this.#warmUp();
    if (profile.persist.nodeKey === undefined || wanted.LoggedOut) return;
    if (session === undefined || session.login === 'none')
      this.#login(session ?? this.#openSession(), { interactive: false });
  }

  /** Stored first, then in force, then told: nobody hears of what a crash could take back. */
  async #saveProfile(profile: Profile): Promise<void> {
    const before = this.#know.profile;
    if (profile === before) return;
    await this.#deps.profiles.save(profile);
    this.#know.profile = profile;
    if (!samePrefs(visiblePrefs(before), visiblePrefs(profile))) this.bus.send({ Prefs: this.prefs() });
  }

  #adopt(profile: Profile): void {
    this.#know.profile = profile;
    this.#know.blocked = false;
    this.#forgetMap();
    this.bus.send({ Prefs: this.prefs() });
  }

  #switchTo(pick: () => Profile): Promise<void> {
    return this.#serial.run(async () => {
      const profile = pick();
      await this.#endSession();
      await this.#deps.mapCache.clear();
      if (profile.persist.nodeKey !== undefined) await this.#deps.profiles.save(profile);
      this.#know.state = 'NoState';
      this.bus.send({ State: State.NoState });
      this.#adopt(profile);
      this.#startSession('');
    });
  }

  #forgetMap(): void {
    this.#know.map = undefined;
    this.#know.mapIsCached = false;
    this.health.setServerMessages(new Map(), []);
  }

  /** The map of an earlier run, when it is of this login. */
  async #loadCachedMap(): Promise<void> {
    const know = this.#know;
    if (know.profile.persist.nodeKey === undefined || know.profile.prefs.LoggedOut) return;
    const text = await this.#deps.mapCache.read();
    const map = text === undefined ? undefined : this.#deps.mapCodec.decode(text);
    if (map === undefined || map.nodeKey !== nodeKeyOf(know)) return;
    know.map = map;
    know.mapIsCached = true;
    this.#log('info', 'map.from-cache', { peers: map.peers.size });
  }

  // --- State ---

  /** Computes the state from the facts until it holds still, and brings everything in line with it. */
  #step(): void {
    if (this.#closed) return;
    const know = this.#know;
    for (let changes = 0; changes < MAX_CHANGES; changes++) {
      const before = know.state;
      know.state = nextState(before, this.#facts());
      if (know.state === 'NeedsLogin' && before !== 'NeedsLogin') know.blocked = true;
      reportHealth(this.health, know);
      this.#keeper.want(this.#wish.for(know));
      if (know.state === before) break;
      this.#entered(before);
    }
    know.session?.client.setPaused(isPaused(know));
    this.#wish.watchExpiry(know.map);
    this.#hub.sync();
  }

  #facts(): ReturnType<typeof factsOf> {
    return factsOf(this.#know, {
      nowMs: this.#deps.clock.now(),
      planeApplied: this.#keeper.isApplied,
      hasLivePeer: () => this.#hasLivePeer(),
    });
  }

  #hasLivePeer(): boolean {
    for (const { Key } of this.#know.map?.peers.values() ?? [])
      if (Key !== undefined && this.#deps.plane.peer(Key)?.wireguard === 'established') return true;
    return false;
  }

  #entered(before: StateName): void {
    const { state, session } = this.#know;
    this.#log('info', 'state.entered', { before, after: state });
    if (state === 'Running') {
      if (session !== undefined) session.authUrl = '';
      this.#cancelWarmUp?.();
      this.health.clear('warming-up');
    }
    this.bus.send({ State: State[state] });
  }

  #warmUp(): void {
    this.#cancelWarmUp?.();
    this.health.set('warming-up');
    this.#cancelWarmUp = this.#deps.clock.after(WARMING_UP_MS, () => this.health.clear('warming-up'));
  }

  // --- Surroundings ---

  #networkIs(up: boolean): void {
    if (up === this.#know.networkUp) return;
    this.#know.networkUp = up;
    this.#step();
    if (up) this.#know.session?.client.retryNow();
  }

  #reportTrouble(what: Parameters<Health['report']>[0], error: string | undefined): void {
    this.health.report(what, error !== undefined, error === undefined ? {} : { error });
  }
}
