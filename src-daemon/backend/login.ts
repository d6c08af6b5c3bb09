/** Sessions with coordination servers and logins in them (localapi-and-daemon.md §3.3 to §3.5). */
import type { Clock } from '#shared/async/clock.ts';
import { equal } from '#shared/bytes/bytes.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import type { PrivateKey } from '#shared/key/key.ts';
import type { Prefs } from '#shared/localapi/prefs.ts';
import type { Log } from '#shared/log/log.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import type {
  ControlClient,
  ControlEvents,
  ControlIdentity,
  LoginFinished,
  MapChange,
  NetworkMap,
} from '../control/types.ts';
import { AUTH_URL_LIFE_MS, isShowableUrl } from './auth-url.ts';
import type { Bus, WatchActor } from './bus.ts';
import { controlEvents } from './control-events.ts';
import { isExpired } from './expiry.ts';
import { afterLogin } from './identity.ts';
import { type Knowledge, serverUrl } from './knowledge.ts';
import { lockPublic } from './lock-key.ts';
import type { Pinger } from './ping.ts';
import type { DataPlane } from './plane.ts';
import type { Profile } from './profiles.ts';
import type { Serial } from './serial.ts';
import {
  isMetByAuthKey,
  type LoginGoal,
  mustWaitForRefresh,
  newSession,
  type Session,
  startLogin,
} from './session.ts';

export interface ControlSetup {
  readonly serverUrl: string;
  readonly identity: ControlIdentity;
  readonly hostinfo: Hostinfo;
  readonly initialMap: NetworkMap | undefined;
}

export interface LoginDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly know: Knowledge;
  readonly machineKey: () => PrivateKey;
  readonly serial: Serial;
  readonly bus: Bus;
  readonly plane: Pick<DataPlane, 'endpoints'>;
  readonly pinger: Pinger;
  readonly openControl: (setup: ControlSetup, events: ControlEvents) => ControlClient;
  readonly hostinfo: (prefs: Prefs, about: Pick<Knowledge, 'netInfo' | 'peerApi'>) => Hostinfo;
  /** Something that the state follows from may have changed. */
  readonly changed: () => void;
  /** Puts a profile in force; false when it could not be stored yet. */
  readonly accept: (profile: Profile) => Promise<boolean>;
  readonly netmap: (map: NetworkMap, change: MapChange) => Promise<void>;
}

export class Login {
  readonly #deps: LoginDeps;
  readonly #know: Knowledge;
  /** Who asked for the sign-in page that is on its way. */
  #actor: WatchActor | undefined;

  constructor(deps: LoginDeps) {
    this.#deps = deps;
    this.#know = deps.know;
  }

  /** Logs in as far as that goes without a person: with the auth key given, or with the key of an earlier login. */
  resume(authKey: string): void {
    const { prefs, persist } = this.#know.profile;
    if (authKey !== '') this.#begin(this.#open(), { interactive: false, authKey });
    else if (persist.nodeKey !== undefined && !prefs.LoggedOut)
      this.#begin(this.#open(), { interactive: false });
  }

  /** Like `resume` with the stored key, unless a login is under way or done. */
  ensure(): void {
    const { session } = this.#know;
    if (session === undefined || session.login === 'none')
      this.#begin(session ?? this.#open(), { interactive: false });
  }

  /** A person asks for the sign-in page; one that is fresh is shown again. */
  interactive(actor: WatchActor): void {
    const session = this.#know.session ?? this.#open();
    const now = this.#deps.clock.monotonic();
    if (isMetByAuthKey(session, now)) return;
    this.#actor = actor;
    if (session.authUrl !== '' && now - session.authUrlAt < AUTH_URL_LIFE_MS) this.#show(session);
    else if (mustWaitForRefresh(session)) session.renewsNext = true;
    else this.#renew(session);
  }

  /** What to tell the user when the server couldn't be told; undefined when it was, or had nothing to hear. */
  async tellLogout(signal: AbortSignal): Promise<RhumbError | undefined> {
    const { session, profile } = this.#know;
    if (session === undefined || profile.persist.nodeKey === undefined) return undefined;
    try {
      await session.client.logout(signal);
      return undefined;
    } catch (error) {
      this.#deps.log('warn', 'logout.server-not-told', { error });
      return new RhumbError(
        'unavailable',
        `logged out on this machine, but the coordination server couldn't be told: ${toRhumbError(error).message}`,
        { cause: error },
      );
    }
  }

  async end(): Promise<void> {
    const { session } = this.#know;
    this.#know.session = undefined;
    this.#actor = undefined;
    await session?.client[Symbol.asyncDispose]();
  }

  #open(): Session {
    const deps = this.#deps;
    const know = this.#know;
    const { persist, prefs } = know.profile;
    const url = serverUrl(prefs);
    let session: Session | undefined;
    const events = controlEvents(deps.serial, deps.log, {
      current: () => (session === know.session ? session : undefined),
      authUrl: (mine, url) => this.#authUrl(mine, url),
      loginFailed: (mine, message) => this.#failed(mine, message),
      loginFinished: (mine, login) => this.#finished(mine, login),
      netmap: deps.netmap,
      changed: deps.changed,
      openUrl: (mine, url) => {
        if (isShowableUrl(url, mine.serverUrl)) deps.bus.send({ BrowseToURL: url });
      },
      pinger: deps.pinger,
      map: () => know.map,
    });
    const { nodeKey, oldNodeKey } = persist;
    const identity = {
      machineKey: deps.machineKey(),
      nodeKey,
      oldNodeKey,
      lockKey: lockPublic(persist.lockKey),
    };
    const setup = { serverUrl: url, identity, hostinfo: deps.hostinfo(prefs, know), initialMap: know.map };
    session = newSession(deps.openControl(setup, events), url);
    know.session = session;
    session.client.setEndpoints(deps.plane.endpoints());
    return session;
  }

  #begin(session: Session, goal: LoginGoal): void {
    const { clock } = this.#deps;
    const { map, profile, blocked } = this.#know;
    // Blocked: the server has refused this key, whatever a map of an earlier run says of it.
    const isOver = blocked || (map !== undefined && isExpired(map.self, clock.now(), map.clockSkewMs));
    const hasKey = profile.persist.nodeKey !== undefined;
    startLogin(session, goal, clock.monotonic(), hasKey ? (isOver ? 'over' : 'good') : 'none');
  }

  /** A new key for this machine; the old one serves until the server has taken the new. An auth key just given counts for it. */
  #renew(session: Session): void {
    const authKey = session.isRefresh ? session.authKey : '';
    this.#begin(session, { interactive: true, ...(authKey !== '' && { authKey }) });
  }

  #authUrl(session: Session, url: string): void {
    const { clock, log, changed } = this.#deps;
    if (!isShowableUrl(url, session.serverUrl)) {
      log('warn', 'login.url-refused', { url });
      return;
    }
    const isNew = session.authUrl !== url;
    session.authUrl = url;
    session.authUrlAt = clock.monotonic();
    // Nobody asked: the server doesn't take our key any more, so our peers won't either.
    if (!session.interactive) {
      session.login = 'under-way';
      this.#know.blocked = true;
    }
    if (isNew || this.#actor !== undefined) this.#show(session);
    changed();
  }

  /** To every watcher of the user who asked, or to all when nobody did. */
  #show(session: Session): void {
    const actor = this.#actor;
    this.#actor = undefined;
    const isMeant = ({ uid }: WatchActor): boolean => actor === undefined || uid === actor.uid;
    this.#deps.bus.send({ BrowseToURL: session.authUrl }, isMeant);
  }

  #failed(session: Session, message: string): void {
    if (session.renewsNext) {
      this.#renew(session);
      return;
    }
    session.loginError = message;
    this.#deps.bus.send({ ErrMessage: message });
    this.#deps.changed();
  }

  async #finished(session: Session, login: LoginFinished): Promise<void> {
    const how = {
      wasInteractive: session.interactive,
      serverUrl: session.serverUrl,
      nowMs: this.#deps.clock.now(),
    };
    session.login = 'done';
    session.loginAt = this.#deps.clock.monotonic();
    session.interactive = false;
    session.authUrl = '';
    session.loginError = '';
    // The server refused the old key: then this login has made a new one, and whoever wishes for one has it.
    const { nodeKey } = this.#know.profile.persist;
    if (session.isRefresh && !(nodeKey !== undefined && equal(login.nodeKey, nodeKey))) {
      session.isRefresh = false;
      session.renewsNext = false;
    }
    const isStored = await this.#deps.accept(afterLogin(this.#know.profile, login, how));
    // Not before a crash can no longer take it back; the state says that storing is what fails.
    if (isStored) this.#deps.bus.send({ LoginFinished: {} });
    if (session.renewsNext) this.#renew(session);
    this.#deps.changed();
  }
}
