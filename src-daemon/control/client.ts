/** The client of a coordination server: one identity, a login routine, a map session, lite updates. */
import type { Clock, Random } from '#shared/async/clock.ts';
import { publicOf } from '#shared/crypto/x25519.ts';
import { RhumbError } from '#shared/errors.ts';
import { type DiscoKey, machineKeyFrom, type PrivateKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { parseServerUrl } from '#shared/noise/dial-ports.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import type { PingRequest } from '#shared/wire/map.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import { Channel, type ControlNetwork } from './channel.ts';
import { LiteUpdates } from './lite-updates.ts';
import { type LoggedIn, runLogin } from './login.ts';
import { runMapSession } from './map-session.ts';
import { callForNode, type NodeAnswer, type NodeCall } from './node-calls.ts';
import { LOGOUT_EXPIRY, nodeKeyOf, type RegisterFacts, registerBody } from './register.ts';
import { type MapFacts, mapBody, register } from './requests.ts';
import { Retry } from './retry.ts';
import { sameValue } from './same-value.ts';
import { ServerPings } from './server-pings.ts';
import { Task } from './task.ts';
import type {
  ControlClient,
  ControlEndpoint,
  ControlEvents,
  ControlIdentity,
  NetworkMap,
  PingAnswer,
} from './types.ts';
import { type WebHead, webHeadBy } from './web-head.ts';

export interface ControlOptions {
  readonly serverUrl: string;
  readonly identity: ControlIdentity;
  readonly discoKey: DiscoKey;
  readonly hostinfo: Hostinfo;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The map kept from before, to tell what the first one changes; it is not announced again. */
  readonly initialMap?: NetworkMap | undefined;
  /** Where connections come from; tests replace more of the network here. */
  readonly network?: (Partial<ControlNetwork> & { readonly head?: WebHead }) | undefined;
}

/** Throws at once when the server's URL is none; does nothing on the network before `login`. */
export function openControl(options: ControlOptions, events: ControlEvents): ControlClient {
  return new Client(options, events);
}

type LoginGoal = Parameters<ControlClient['login']>[0];

class Client implements ControlClient {
  readonly #options: ControlOptions;
  readonly #events: ControlEvents;
  readonly #channel: Channel;
  readonly #pings: ServerPings;
  readonly #updates: LiteUpdates;
  readonly #loginRetry: Retry;
  readonly #mapRetry: Retry;
  readonly #stop = new AbortController();
  readonly #login: Task;
  readonly #mapTask: Task;
  readonly #updateTask: Task;
  #nodeKey: PrivateKey | undefined;
  #oldNodeKey: PrivateKey | undefined;
  /** In memory only, and part of every register request (§4.2.3). */
  #authKey: string | undefined;
  /** The key that the server accepted, whose map we follow. */
  #registered: PrivateKey | undefined;
  #hostinfo: Hostinfo;
  #endpoints: readonly ControlEndpoint[] | undefined;
  #map: NetworkMap | undefined;
  #paused = false;
  #connection: { readonly up: boolean; readonly error?: string | undefined } = { up: false };

  constructor(options: ControlOptions, events: ControlEvents) {
    const { clock, random, log, identity } = options;
    this.#options = options;
    this.#events = events;
    this.#nodeKey = identity.nodeKey;
    this.#oldNodeKey = identity.oldNodeKey;
    this.#hostinfo = options.hostinfo;
    this.#map = options.initialMap;
    this.#channel = new Channel({
      serverUrl: parseServerUrl(options.serverUrl),
      machineKey: identity.machineKey,
      clock,
      log,
      network: options.network,
    });
    const channel = this.#channel;
    this.#loginRetry = new Retry(clock, random);
    this.#mapRetry = new Retry(clock, random);
    this.#pings = new ServerPings({
      channel,
      log,
      toDataPlane: (request) => events.ping(request),
      head: options.network?.head ?? webHeadBy(options.network?.connect),
    });
    this.#updates = new LiteUpdates({
      channel,
      clock,
      random,
      log,
      body: () => mapBody(this.#facts(), 'lite'),
    });
    this.#login = new Task(this.#stop.signal, log.child({ task: 'login' }));
    this.#mapTask = new Task(this.#stop.signal, log.child({ task: 'map' }));
    this.#updateTask = new Task(this.#stop.signal, log.child({ task: 'updates' }));
  }

  login(goal: LoginGoal): void {
    this.#authKey = goal.authKey;
    this.#startLogin({ interactive: goal.interactive, authKey: goal.authKey });
  }

  async logout(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#login.stop(), this.#stopMap()]);
    const nodeKey = this.#registered ?? this.#nodeKey;
    if (nodeKey === undefined) return;
    await this.#expire(nodeKey, LOGOUT_EXPIRY, 'log out', signal);
    this.#nodeKey = undefined;
    this.#oldNodeKey = undefined;
    this.#registered = undefined;
    this.#authKey = undefined;
    this.#map = undefined;
  }

  async setExpirySooner(expiryMs: number, signal: AbortSignal): Promise<void> {
    await this.#expire(this.#loggedInKey(), formatTime(expiryMs), 'end the key sooner', signal);
  }

  ask(request: NodeCall, signal: AbortSignal): Promise<NodeAnswer> {
    const both = AbortSignal.any([signal, this.#stop.signal]);
    return callForNode(this.#channel, request, nodeKeyOf(this.#loggedInKey()), both);
  }

  setHostinfo(hostinfo: Hostinfo): void {
    if (sameValue(hostinfo, this.#hostinfo)) return;
    this.#hostinfo = hostinfo;
    this.#updates.mark();
  }

  setEndpoints(endpoints: readonly ControlEndpoint[]): void {
    if (sameValue(endpoints, this.#endpoints)) return;
    this.#endpoints = [...endpoints];
    this.#updates.mark();
  }

  setPaused(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (!paused) {
      this.#startMap();
      return;
    }
    // Nothing waits for them: a later start of the same tasks waits by itself.
    this.#mapTask.cancel();
    this.#updateTask.cancel();
    this.#setConnection({ up: false });
  }

  retryNow(): void {
    this.#channel.probe();
    this.#loginRetry.now();
    this.#mapRetry.now();
    this.#updates.retryNow();
  }

  answerPing(request: PingRequest, answer: PingAnswer): void {
    this.#pings.answer(request, answer, this.#stop.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new RhumbError('unavailable', 'the control client was closed'));
    await Promise.all([this.#login.stop(), this.#stopMap()]);
    await this.#channel[Symbol.asyncDispose]();
  }

  #loggedInKey(): PrivateKey {
    const nodeKey = this.#registered;
    if (nodeKey === undefined) throw new RhumbError('unavailable', "not logged in: run 'rhumb up' first");
    return nodeKey;
  }

  /** A registration with the present key and another end of it. */
  async #expire(nodeKey: PrivateKey, expiry: string, what: string, signal: AbortSignal): Promise<void> {
    const attempt = { nodeKey, oldNodeKey: this.#oldNodeKey, regenerated: false, followup: '' };
    const both = AbortSignal.any([signal, this.#stop.signal]);
    const body = registerBody(attempt, this.#registerFacts(this.#authKey), expiry);
    const answer = await register(this.#channel, body, both);
    if (answer.Error !== undefined && answer.Error !== '')
      throw new RhumbError(
        'not-allowed',
        `${what}: the control server says: ${answer.Error.slice(0, 1_024)}`,
      );
  }

  #startLogin(goal: LoginGoal): void {
    this.#loginRetry.reset();
    this.#login.start(async (signal) => {
      const done = await runLogin(
        {
          channel: this.#channel,
          clock: this.#options.clock,
          random: this.#options.random,
          retry: this.#loginRetry,
          keys: { nodeKey: this.#nodeKey, oldNodeKey: this.#oldNodeKey },
          regenerate: goal.interactive || this.#isExpired(),
          facts: () => this.#registerFacts(goal.authKey),
          onAuthUrl: (url) => this.#events.authUrl(url),
          onRefused: (message) => this.#events.loginFailed(message),
          onTrouble: (error) => this.#loginTrouble(error),
        },
        signal,
      );
      await this.#loggedIn(done, signal);
    });
  }

  async #loggedIn(done: LoggedIn, signal: AbortSignal): Promise<void> {
    const { nodeKey, oldNodeKey, response } = done;
    const sameKey = this.#registered !== undefined && nodeKeyOf(this.#registered) === nodeKeyOf(nodeKey);
    this.#nodeKey = nodeKey;
    this.#oldNodeKey = oldNodeKey;
    this.#registered = nodeKey;
    this.#options.log('info', 'login.finished', { user: response.Login?.LoginName });
    this.#events.loginFinished({
      nodeKey,
      oldNodeKey,
      user: response.User,
      login: response.Login,
      machineAuthorized: response.MachineAuthorized === true,
    });
    // The map of the old key was followed until now, so that renewing a key interrupts nothing (§8).
    if (!sameKey) await this.#stopMap();
    signal.throwIfAborted();
    this.#startMap();
  }

  /** Starts what follows the map, unless it runs, or must not. */
  #startMap(): void {
    const registered = this.#registered;
    if (registered === undefined || this.#paused || this.#stop.signal.aborted) return;
    if (this.#mapTask.running) return;
    this.#mapRetry.reset();
    this.#mapTask.start(async (signal) => {
      await runMapSession(
        {
          channel: this.#channel,
          clock: this.#options.clock,
          retry: this.#mapRetry,
          log: this.#options.log,
          pings: this.#pings,
          nodeKey: nodeKeyOf(registered),
          machineKey: machineKeyFrom(publicOf(this.#options.identity.machineKey)),
          body: () => mapBody(this.#facts(), 'stream'),
          known: this.#map,
          onMap: (map, change) => {
            this.#map = map;
            this.#events.netmap(map, change);
          },
          onUp: () => this.#setConnection({ up: true }),
          onDown: (error) => this.#setConnection({ up: false, error }, 'map.down'),
          openUrl: (url) => this.#events.openUrl?.(url),
        },
        signal,
      );
      this.#registerAgain();
    });
    this.#updateTask.start(async (signal) => {
      await this.#updates.run(signal);
      this.#registerAgain();
    });
  }

  /** The server has forgotten us. Without the auth key, which would join anew what an admin removed (§5.3). */
  #registerAgain(): void {
    this.#registered = undefined;
    this.#mapTask.cancel();
    this.#updateTask.cancel();
    this.#setConnection(
      { up: false, error: 'the control server does not know this machine any more' },
      'map.down',
    );
    this.#startLogin({ interactive: false });
  }

  async #stopMap(): Promise<void> {
    await Promise.all([this.#mapTask.stop(), this.#updateTask.stop()]);
    this.#setConnection({ up: false });
  }

  #facts(): MapFacts {
    const nodeKey = this.#registered;
    if (nodeKey === undefined) throw new RhumbError('internal', 'a map request before the login');
    const { discoKey } = this.#options;
    return { nodeKey: nodeKeyOf(nodeKey), discoKey, hostinfo: this.#hostinfo, endpoints: this.#endpoints };
  }

  #registerFacts(authKey: string | undefined): RegisterFacts {
    return { hostinfo: this.#hostinfo, lockKey: this.#options.identity.lockKey, authKey };
  }

  /** By the server's clock where ours is wrong. */
  #isExpired(): boolean {
    const map = this.#map;
    const expiry = map?.self.KeyExpiry;
    return map !== undefined && expiry !== undefined && expiry <= this.#options.clock.now() + map.clockSkewMs;
  }

  /** Trouble with a login matters to the connection only while no map stream proves the contrary. */
  #loginTrouble(error: string | undefined): void {
    if (this.#connection.up) return;
    this.#setConnection({ up: false, error }, 'login.trouble');
  }

  /** Trouble is said and logged once, however often it repeats. */
  #setConnection(state: { readonly up: boolean; readonly error?: string | undefined }, event?: string): void {
    if (sameValue(state, this.#connection) || this.#stop.signal.aborted) return;
    this.#connection = state;
    if (event !== undefined && state.error !== undefined)
      this.#options.log('info', event, { error: state.error });
    this.#events.connection(state);
  }
}
