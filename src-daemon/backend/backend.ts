/** The daemon's core: facts about prefs, login, network map and data plane in; state, configuration and messages out. */
import type { Clock, Random } from '#shared/async/clock.ts';
import { publicOf } from '#shared/crypto/x25519.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import { type NodeKey, nodeKeyFrom, type PrivateKey } from '#shared/key/key.ts';
import type { PingResult, WhoIsResponse } from '#shared/localapi/misc.ts';
import { INITIAL_MESSAGE_BITS, type Notify, Watch } from '#shared/localapi/notify.ts';
import {
  applyPrefsEdit,
  DEFAULT_CONTROL_URL,
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
import { Bus, type WatchActor, type Watcher } from './bus.ts';
import { engineStatus, peerStates } from './engine-status.ts';
import { isExpired, nextExpiryInMs } from './expiry.ts';
import { blocksEverything, isOpenFilter } from './filter-kind.ts';
import { healthState } from './health-json.ts';
import { afterLogin, afterMap } from './identity.ts';
import { lockPublic } from './lock-key.ts';
import { parseWhoIsAddr, whoIs } from './lookup.ts';
import { netMapJson } from './netmap-json.ts';
import { nextState } from './next-state.ts';
import { Pinger, type PingTarget } from './ping.ts';
import type { DataPlane, PlaneConfig } from './plane.ts';
import { planeConfig } from './plane-config.ts';
import { PlaneKeeper } from './plane-keeper.ts';
import { adjustEdit, checkPrefs } from './prefs-check.ts';
import { type Profile, type Profiles, visiblePrefs } from './profiles.ts';
import { Serial } from './serial.ts';
import { answerServerPing } from './server-ping.ts';
import { authCannotContinue, isMetByAuthKey, newSession, type Session } from './session.ts';
import { assembleStatus, nodeIps } from './status.ts';

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
  /** Made before the backend, because the store and the plane report to it too. */
  readonly health: (changed: () => void) => Health;
  /** An unguessable id, for watch sessions. */
  readonly newSessionId: () => string;
}

const ENGINE_POLL_MS = 2_000;
const WARMING_UP_MS = 5_000;
const LOGOUT_TIMEOUT_MS = 10_000;

export class Backend implements AsyncDisposable {
  readonly bus: Bus;
  readonly health: Health;
  readonly #deps: BackendDeps;
  readonly #log: Log;
  readonly #serial = new Serial();
  readonly #keeper: PlaneKeeper;
  readonly #pinger: Pinger;
  readonly #machineKey: PrivateKey;
  #profile: Profile;
  #session: Session | undefined;
  #map: NetworkMap | undefined;
  #mapIsCached = false;
  #state: StateName = 'NoState';
  /** Keeps the data plane empty until a good map comes: logged out, or the key was refused. */
  #blocked = false;
  #storeHealthy = true;
  #networkUp = true;
  /** Who asked for the sign-in page that is on its way. */
  #authActor: WatchActor | undefined;
  /** What the map came to, so that an unchanged one isn't worked out again; an expiry drops it. */
  #lastPlane: { readonly map: NetworkMap; readonly config: PlaneConfig } | undefined;
  #expiryArmedFor: NetworkMap | undefined;
  #cancelExpiry: (() => void) | undefined;
  #cancelPoll: (() => void) | undefined;
  /** By StableNodeID, as told last. */
  #lastPeerStates = new Map<string, string>();
  #cancelWarmUp: (() => void) | undefined;
  #closed = false;

  static async open(deps: BackendDeps): Promise<Backend> {
    return new Backend(deps, await deps.profiles.machineKey(), deps.profiles.current());
  }

  private constructor(deps: BackendDeps, machineKey: PrivateKey, profile: Profile) {
    this.#deps = deps;
    this.#log = deps.log;
    this.#machineKey = machineKey;
    this.#profile = profile;
    this.bus = new Bus(deps.clock, () => this.#syncPoll());
    this.health = deps.health(() => this.bus.send({ Health: healthState(this.health.visible()) }));
    this.#keeper = new PlaneKeeper({
      plane: deps.plane,
      clock: deps.clock,
      random: deps.random,
      log: deps.log,
      settled: (error) => {
        this.health.report('router-failed', error !== undefined, error === undefined ? {} : { error });
        this.#step();
      },
    });
    this.#pinger = new Pinger(deps.plane, deps.clock, () =>
      this.#map === undefined ? [] : nodeIps(this.#map.self),
    );
    deps.plane.attach({
      endpoints: (endpoints) => this.#session?.client.setEndpoints(endpoints),
      network: (up) => this.#networkIs(up),
      linkChanged: () => this.#session?.client.retryNow(),
      trouble: (what, error) =>
        this.health.report(what, error !== undefined, error === undefined ? {} : { error }),
    });
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
    return this.#state;
  }

  status(withPeers: boolean): Status {
    return assembleStatus(
      {
        version: this.#deps.version,
        state: this.#state,
        hasTun: this.#deps.plane.hasTun,
        nodeKey: this.#nodeKey(),
        authUrl: this.#session?.authUrl ?? '',
        map: this.#map,
        online: this.#session?.up === true,
        hostname: this.#deps.os.hostname,
        os: this.#deps.os.name,
        endpoints: this.#deps.plane.endpoints().map(({ addr }) => addr),
        health: this.health
          .visible()
          .filter(({ code }) => code !== 'warming-up')
          .map(({ text }) => text),
        nowMs: this.#deps.clock.now(),
        peerOf: (key) => this.#deps.plane.peer(key),
      },
      withPeers,
    );
  }

  prefs(): Prefs {
    return visiblePrefs(this.#profile);
  }

  currentProfile(): LoginProfile {
    return this.#profile.login.NodeID === '' ? NO_PROFILE : this.#profile.login;
  }

  allProfiles(): readonly LoginProfile[] {
    return this.#deps.profiles.all();
  }

  derpMap(): DerpMap | undefined {
    return this.#map?.derpMap;
  }

  /** Undefined for an address that is nobody's; throws `bad-argument` for what is no address. */
  whoIs(addr: string): WhoIsResponse | undefined {
    const query = parseWhoIsAddr(addr);
    if (query === undefined) throw new RhumbError('bad-argument', "invalid 'addr' parameter");
    return this.#map === undefined ? undefined : whoIs(this.#map, query);
  }

  ping(target: PingTarget, signal: AbortSignal): Promise<PingResult> {
    if (this.#state !== 'Running' && this.#state !== 'Starting')
      throw new RhumbError('unavailable', `can't ping while rhumb is ${this.#state}: run 'rhumb up' first`);
    return this.#pinger.ping(this.#map, target, signal);
  }

  watch(mask: number, actor: WatchActor): Watcher {
    const watcher = this.bus.add(mask, actor);
    if ((mask & INITIAL_MESSAGE_BITS) !== 0) watcher.pushInitial(this.#initialMessage(mask));
    return watcher;
  }

  // --- What clients change ---

  /** Throws `bad-argument` with what is wrong. */
  checkPrefs(wanted: Prefs): void {
    checkPrefs(wanted);
    const taken = this.allProfiles().some(
      ({ ID, Name }) =>
        ID !== this.#profile.login.ID && wanted.ProfileName !== '' && Name === wanted.ProfileName,
    );
    if (taken)
      throw new RhumbError(
        'bad-argument',
        `profile name ${JSON.stringify(wanted.ProfileName)} already in use`,
      );
  }

  /** Resolves when the edit is on disk and in force. An edit that changes nothing says nothing. */
  editPrefs(edit: PrefsEdit): Promise<Prefs> {
    return this.#serial.run(async () => {
      const wanted = applyPrefsEdit(this.#profile.prefs, adjustEdit(edit));
      if (wanted === this.#profile.prefs) return this.prefs();
      this.checkPrefs(wanted);
      await this.#setPrefs(wanted);
      this.#step();
      return this.prefs();
    });
  }

  /** `start` (§3.3): the only place where another login server takes effect. */
  startWith(options: StartOptions): Promise<void> {
    return this.#serial.run(async () => {
      const wanted = options.UpdatePrefs ?? this.#profile.prefs;
      this.checkPrefs(wanted);
      await this.#setPrefs({ ...wanted, Config: undefined });
      if (this.#session !== undefined && this.#serverUrl() !== this.#session.serverUrl) this.#forgetMap();
      await this.#endSession();
      this.#state = 'NoState';
      this.#startSession(options.AuthKey);
    });
  }

  /** Returns at once; the sign-in address comes on the bus. */
  loginInteractive(actor: WatchActor): Promise<void> {
    return this.#serial.run(() => {
      this.#authActor = actor;
      const session = this.#session ?? this.#openSession();
      const now = this.#deps.clock.monotonic();
      const age = now - session.authUrlAt;
      if (isMetByAuthKey(session, now)) this.#authActor = undefined;
      else if (session.authUrl !== '' && age < AUTH_URL_LIFE_MS) this.#showUrl(session);
      else this.#login(session, { interactive: true });
      this.#step();
    });
  }

  /** Forgets this machine's login (§3.8). Rejects when the server couldn't be told; the local part is done then too. */
  logout(signal: AbortSignal): Promise<void> {
    return this.#serial.run(async () => {
      const session = this.#session;
      this.#blocked = true;
      this.#map = undefined;
      await this.#setPrefs({ ...this.#profile.prefs, WantRunning: false, LoggedOut: true });
      this.#step();
      const limit = AbortSignal.any([signal, AbortSignal.timeout(LOGOUT_TIMEOUT_MS)]);
      const failure = await this.#tellLogout(session, limit);
      await this.#endSession();
      await this.#deps.mapCache.clear();
      await this.#deps.profiles.remove(this.#profile.login.ID);
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
    if (id === this.#profile.login.ID) return Promise.resolve();
    return this.#switchTo(() => {
      const profile = this.#deps.profiles.find(id);
      if (profile === undefined) throw new RhumbError('not-found', 'Profile not found');
      return profile;
    });
  }

  async deleteProfile(id: string): Promise<void> {
    if (!this.allProfiles().some(({ ID }) => ID === id))
      throw new RhumbError('not-found', 'Profile not found');
    if (id === this.#profile.login.ID) await this.newProfile();
    await this.#serial.run(() => this.#deps.profiles.remove(id));
  }

  /** Ends the session and takes the data plane away. What the user wants stays stored, so that a restart resumes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#cancelExpiry?.();
    this.#cancelPoll?.();
    this.#cancelWarmUp?.();
    this.bus.close();
    this.#keeper.want(undefined);
    await this.#keeper.close();
    await this.#serial.idle();
    await this.#endSession();
    this.health.close();
    await this.#deps.mapCache.flush();
  }

  /** What the state store reports of each write. */
  storeReported(error: unknown): void {
    const healthy = error === undefined;
    this.health.report('state-store-health', !healthy, healthy ? {} : { error: toRhumbError(error).message });
    if (healthy === this.#storeHealthy) return;
    this.#storeHealthy = healthy;
    this.#step();
  }

  /** Resolves when everything that was asked for has been done; for tests and shutdown. */
  async idle(): Promise<void> {
    await this.#serial.idle();
    await this.#keeper.idle();
    await this.#serial.idle();
  }

  // --- Session ---

  #serverUrl(): string {
    return this.#profile.prefs.ControlURL === '' ? DEFAULT_CONTROL_URL : this.#profile.prefs.ControlURL;
  }

  #nodeKey(): NodeKey | undefined {
    const { nodeKey } = this.#profile.persist;
    return nodeKey === undefined ? undefined : nodeKeyFrom(publicOf(nodeKey));
  }

  /** Opens the session and logs in as far as that goes without the user. */
  #startSession(authKey: string): void {
    const { prefs, persist } = this.#profile;
    if (authKey !== '' || (persist.nodeKey !== undefined && !prefs.LoggedOut))
      this.#login(this.#openSession(), { interactive: false, authKey: authKey === '' ? undefined : authKey });
    this.#step();
  }

  #openSession(): Session {
    const { persist, prefs } = this.#profile;
    const serverUrl = this.#serverUrl();
    let session: Session | undefined;
    const client = this.#deps.openControl(
      {
        serverUrl,
        identity: {
          machineKey: this.#machineKey,
          nodeKey: persist.nodeKey,
          oldNodeKey: persist.oldNodeKey,
          lockKey: lockPublic(persist.lockKey),
        },
        hostinfo: this.#deps.hostinfo(prefs),
        initialMap: this.#map,
      },
      this.#eventsFor(() => session),
    );
    session = newSession(client, serverUrl);
    this.#session = session;
    client.setEndpoints(this.#deps.plane.endpoints());
    return session;
  }

  async #endSession(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#authActor = undefined;
    await session?.client[Symbol.asyncDispose]();
  }

  #login(
    session: Session,
    options: { readonly interactive: boolean; readonly authKey?: string | undefined },
  ): void {
    session.login = 'under-way';
    session.loginAt = this.#deps.clock.monotonic();
    session.authKey = options.authKey ?? '';
    session.interactive = options.interactive;
    session.loginError = '';
    session.authUrl = '';
    session.client.login(options);
  }

  async #tellLogout(session: Session | undefined, signal: AbortSignal): Promise<RhumbError | undefined> {
    if (session === undefined || this.#profile.persist.nodeKey === undefined) return undefined;
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

  /** Events run in turn with what users ask, and those of an ended session are dropped. */
  #eventsFor(session: () => Session | undefined): ControlEvents {
    const post = (handle: (session: Session) => Promise<void> | void): void => {
      this.#serial
        .run(async () => {
          const mine = session();
          if (mine !== undefined && mine === this.#session && !this.#closed) await handle(mine);
        })
        .catch((error: unknown) => this.#log('error', 'backend.event-failed', { error }));
    };
    return {
      authUrl: (url) => post((mine) => this.#authUrl(mine, url)),
      loginFailed: (message) =>
        post((mine) => {
          mine.loginError = message;
          this.bus.send({ ErrMessage: message });
          this.#step();
        }),
      loginFinished: (login) => post((mine) => this.#loginFinished(mine, login)),
      netmap: (map, change) => post(() => this.#netmap(map, change)),
      connection: (state) =>
        post((mine) => {
          mine.up = state.up;
          mine.connectionError = state.error ?? '';
          this.#step();
        }),
      ping: (request) => {
        const client = session()?.client;
        if (client !== undefined) answerServerPing(request, { client, pinger: this.#pinger, map: this.#map });
      },
      openUrl: (url) =>
        post((mine) => {
          if (isShowableUrl(url, mine.serverUrl)) this.bus.send({ BrowseToURL: url });
        }),
    };
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
      this.#blocked = true;
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
    const wasInteractive = session.interactive;
    session.login = 'done';
    session.loginAt = this.#deps.clock.monotonic();
    session.interactive = false;
    session.authUrl = '';
    session.loginError = '';
    const profile = afterLogin(this.#profile, login, { wasInteractive, serverUrl: session.serverUrl });
    await this.#saveProfile(profile);
    this.bus.send({ LoginFinished: {} });
    this.#step();
  }

  async #netmap(map: NetworkMap, change: MapChange): Promise<void> {
    const isNewSelf = this.#map?.self.StableID !== map.self.StableID;
    this.#map = map;
    this.#mapIsCached = false;
    if (!isExpired(map.self, this.#deps.clock.now(), map.clockSkewMs)) this.#blocked = false;
    this.#deps.mapCache.put(() => this.#deps.mapCodec.encode(map));
    await this.#saveProfile(afterMap(this.#profile, map));
    this.health.setServerMessages(map.displayMessages, map.health);
    if (isNewSelf) this.bus.resetProfiles();
    this.#announceMap(map, change);
    this.#step();
  }

  #announceMap(map: NetworkMap, change: MapChange): void {
    const full = change.kind === 'full';
    const ids = full ? [...map.peers.keys()] : change.changed;
    const changed = ids.map((id) => map.peers.get(id)).filter((node) => node !== undefined);
    const removed = change.removed.map((id) => (Number.isSafeInteger(Number(id)) ? Number(id) : BigInt(id)));
    this.bus.send({
      ...((full || change.self) && { SelfChange: map.self }),
      ...(changed.length > 0 && { PeersChanged: changed }),
      ...(removed.length > 0 && { PeersRemoved: removed }),
      ...((full || change.other) && { UserProfiles: userProfiles(map) }),
      ...(this.bus.wants(Watch.InitialNetMap) && { NetMap: netMapJson(map, false) }),
    });
  }

  // --- Profiles and preferences ---

  async #setPrefs(wanted: Prefs): Promise<void> {
    const before = this.#profile.prefs;
    await this.#saveProfile({ ...this.#profile, prefs: wanted });
    const session = this.#session;
    session?.client.setHostinfo(this.#deps.hostinfo(wanted));
    if (before.WantRunning || !wanted.WantRunning) return;
    this.#warmUp();
    if (this.#profile.persist.nodeKey === undefined || wanted.LoggedOut) return;
    if (session === undefined || session.login === 'none')
      this.#login(session ?? this.#openSession(), { interactive: false });
  }

  /** Stored first, then in force, then told: nobody hears of what a crash could take back. */
  async #saveProfile(profile: Profile): Promise<void> {
    const before = this.#profile;
    if (profile === before) return;
    await this.#deps.profiles.save(profile);
    this.#profile = profile;
    if (!samePrefs(visiblePrefs(before), visiblePrefs(profile))) this.bus.send({ Prefs: this.prefs() });
  }

  #adopt(profile: Profile): void {
    this.#profile = profile;
    this.#blocked = false;
    this.#forgetMap();
    this.bus.send({ Prefs: this.prefs() });
  }

  #switchTo(pick: () => Profile): Promise<void> {
    return this.#serial.run(async () => {
      const profile = pick();
      await this.#endSession();
      await this.#deps.mapCache.clear();
      if (profile.persist.nodeKey !== undefined) await this.#deps.profiles.save(profile);
      this.#state = 'NoState';
      this.bus.send({ State: State.NoState });
      this.#adopt(profile);
      this.#startSession('');
    });
  }

  #forgetMap(): void {
    this.#map = undefined;
    this.#mapIsCached = false;
    this.health.setServerMessages(new Map(), []);
  }

  /** The map of an earlier run, when it is of this login. */
  async #loadCachedMap(): Promise<void> {
    if (this.#profile.persist.nodeKey === undefined || this.#profile.prefs.LoggedOut) return;
    const text = await this.#deps.mapCache.read();
    const map = text === undefined ? undefined : this.#deps.mapCodec.decode(text);
    if (map === undefined || map.nodeKey !== this.#nodeKey()) return;
    this.#map = map;
    this.#mapIsCached = true;
    this.#log('info', 'map.from-cache', { peers: map.peers.size });
  }

  // --- State ---

  /** Computes the state from the facts until it holds still, and brings everything in line with it. */
  #step(): void {
    if (this.#closed) return;
    for (let changes = 0; changes < 4; changes++) {
      this.#reportHealth();
      const before = this.#state;
      const after = nextState(before, this.#facts());
      if (after === 'NeedsLogin' && before !== 'NeedsLogin') this.#blocked = true;
      this.#state = after;
      this.#keeper.want(this.#wantedPlane());
      if (after === before) break;
      this.#entered(before, after);
    }
    this.#session?.client.setPaused(this.#isPaused());
    this.#armExpiry();
    this.#syncPoll();
  }

  #facts(): Parameters<typeof nextState>[1] {
    const { prefs, persist } = this.#profile;
    const self = this.#map?.self;
    return {
      storeHealthy: this.#storeHealthy,
      wantRunning: prefs.WantRunning,
      loggedOut: prefs.LoggedOut,
      hasNodeKey: persist.nodeKey !== undefined,
      blocked: this.#blocked,
      authCannotContinue: authCannotContinue(this.#session),
      self:
        self === undefined
          ? undefined
          : {
              keyExpired:
                this.#isKeyRefused() || isExpired(self, this.#deps.clock.now(), this.#map?.clockSkewMs ?? 0),
              machineAuthorized: self.MachineAuthorized === true,
            },
      // Only a start depends on it, and looking at every peer costs something.
      live:
        this.#state === 'Starting' &&
        this.#keeper.isApplied &&
        (this.#session?.up === true || this.#hasLivePeer()),
    };
  }

  /** The server wants a person to sign in again before it takes our key. */
  #isKeyRefused(): boolean {
    const session = this.#session;
    return (
      session !== undefined && session.login === 'under-way' && !session.interactive && session.authUrl !== ''
    );
  }

  #hasLivePeer(): boolean {
    for (const node of this.#map?.peers.values() ?? [])
      if (node.Key !== undefined && this.#deps.plane.peer(node.Key)?.wireguard === 'established') return true;
    return false;
  }

  #isPaused(): boolean {
    if (!this.#networkUp || this.#profile.prefs.Sync === false) return true;
    return this.#state === 'Stopped' && this.#map !== undefined;
  }

  #wantedPlane(): PlaneConfig | undefined {
    const { nodeKey } = this.#profile.persist;
    const up = this.#state === 'Starting' || this.#state === 'Running' || this.#state === 'NeedsMachineAuth';
    if (!up || this.#blocked || this.#map === undefined || nodeKey === undefined) return undefined;
    const last = this.#lastPlane;
    if (last !== undefined && last.map === this.#map && last.config.privateKey === nodeKey)
      return last.config;
    const full = planeConfig({ map: this.#map, privateKey: nodeKey, nowMs: this.#deps.clock.now() });
    const config = blocksEverything(this.#map.filter) ? { ...full, peers: [], routes: [] } : full;
    this.#lastPlane = { map: this.#map, config };
    return config;
  }

  #entered(before: StateName, after: StateName): void {
    this.#log('info', 'state.entered', { before, after });
    if (after === 'Running') {
      if (this.#session !== undefined) this.#session.authUrl = '';
      this.#cancelWarmUp?.();
      this.health.clear('warming-up');
    }
    this.#reportHealth();
    this.bus.send({ State: State[after] });
  }

  #reportHealth(): void {
    const { prefs } = this.#profile;
    const session = this.#session;
    this.health.report('wantrunning-false', !prefs.WantRunning);
    const error = session?.connectionError ?? '';
    const isTrying = session?.login === 'under-way' && this.#map === undefined && error !== '';
    const why = session === undefined || session.loginError === '' ? error : session.loginError;
    this.health.report(
      'login-state',
      this.#state === 'NeedsLogin' || isTrying,
      why === '' ? {} : { error: why },
    );
    const outOfSync = prefs.WantRunning && session !== undefined && !session.up;
    this.health.report('not-in-map-poll', outOfSync, error === '' ? {} : { error });
    this.health.report('network-status', !this.#networkUp);
    const filter = this.#map?.filter;
    this.health.report('packet-filter-blocks', blocksEverything(filter));
    this.health.report(
      'packet-filter-unenforced',
      this.#map !== undefined && !blocksEverything(filter) && !isOpenFilter(filter),
    );
  }

  #warmUp(): void {
    this.#cancelWarmUp?.();
    this.health.set('warming-up');
    this.#cancelWarmUp = this.#deps.clock.after(WARMING_UP_MS, () => this.health.clear('warming-up'));
  }

  /** One timer for the next expiry that the map knows of, ours or a peer's. */
  #armExpiry(): void {
    const map = this.#map;
    if (map === this.#expiryArmedFor) return;
    this.#expiryArmedFor = map;
    this.#cancelExpiry?.();
    this.#cancelExpiry = undefined;
    if (map === undefined) return;
    const nodes = [map.self, ...map.peers.values()];
    const wait = nextExpiryInMs(nodes, this.#deps.clock.now(), map.clockSkewMs);
    if (wait === undefined) return;
    this.#cancelExpiry = this.#deps.clock.after(wait, () => {
      this.#lastPlane = undefined;
      this.#expiryArmedFor = undefined;
      this.#step();
    });
  }

  // --- Data plane and watchers ---

  #networkIs(up: boolean): void {
    if (up === this.#networkUp) return;
    this.#networkUp = up;
    this.#step();
    if (up) this.#session?.client.retryNow();
  }

  /** Looks at the peers every two seconds while someone asks for it, and while a start waits for the first live one. */
  #syncPoll(): void {
    const asked = this.bus.wants(Watch.EngineUpdates | Watch.PeerWireGuardState);
    if (this.#closed || !(asked || this.#state === 'Starting')) {
      this.#cancelPoll?.();
      this.#cancelPoll = undefined;
      return;
    }
    this.#cancelPoll ??= this.#deps.clock.after(ENGINE_POLL_MS, () => {
      this.#cancelPoll = undefined;
      this.#poll();
      this.#syncPoll();
    });
  }

  #poll(): void {
    const { plane } = this.#deps;
    if (this.bus.wants(Watch.EngineUpdates)) this.bus.send({ Engine: engineStatus(this.#map, plane) });
    if (this.bus.wants(Watch.PeerWireGuardState) && this.#map !== undefined)
      this.#announcePeerStates(this.#map);
    if (this.#state === 'Starting') this.#step();
  }

  /** Only those that changed since the last look. */
  #announcePeerStates(map: NetworkMap): void {
    const all = peerStates(map, this.#deps.plane, this.#deps.clock.now());
    const before = this.#lastPeerStates;
    const changed = Object.entries(all).filter(
      ([id, { PeerWireGuardState }]) => before.get(id) !== PeerWireGuardState,
    );
    this.#lastPeerStates = new Map(Object.entries(all).map(([id, state]) => [id, state.PeerWireGuardState]));
    if (changed.length > 0) this.bus.send({ PeerState: Object.fromEntries(changed) });
  }

  #initialMessage(mask: number): Notify {
    const has = (bit: number): boolean => (mask & bit) !== 0;
    const map = this.#map;
    const url = this.#session?.authUrl ?? '';
    return {
      SessionID: this.#deps.newSessionId(),
      ...(has(Watch.InitialState) && { State: State[this.#state] }),
      ...(has(Watch.InitialState) && this.#state === 'NeedsLogin' && url !== '' && { BrowseToURL: url }),
      ...(has(Watch.InitialPrefs) && { Prefs: this.prefs() }),
      ...(has(Watch.InitialNetMap) &&
        map !== undefined && { SelfChange: map.self, NetMap: netMapJson(map, this.#mapIsCached) }),
      ...(has(Watch.InitialDriveShares) && { DriveShares: [] }),
      ...(has(Watch.InitialOutgoingFiles) && { OutgoingFiles: [] }),
      ...(has(Watch.InitialHealthState) && { Health: healthState(this.health.visible()) }),
      ...(has(Watch.InitialStatus) && { InitialStatus: this.status(true) }),
      ...(has(Watch.PeerWireGuardState) &&
        map !== undefined && { PeerState: peerStates(map, this.#deps.plane, this.#deps.clock.now()) }),
    };
  }
}

const userProfiles = (map: NetworkMap): NonNullable<Notify['UserProfiles']> =>
  Object.fromEntries(
    [...map.users].map(([id, user]) => [id, { ...user, ProfilePicURL: user.ProfilePicURL ?? '' }]),
  );
