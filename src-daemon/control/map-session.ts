/** Keeps a map stream up: reconnects with backoff, merges messages, serves what rides on them (control-protocol.md §5). */
import type { Clock } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { MachineKey, NodeKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { MapResponse } from '#shared/wire/map.ts';
import type { Channel } from './channel.ts';
import { runMapStream } from './map-stream.ts';
import { compareMaps, EMPTY_STREAM, mergeMap, type StreamState, skewOf } from './merge.ts';
import { isWebUrl } from './register.ts';
import { refusalOf, UNKNOWN_NODE_LIMIT } from './requests.ts';
import type { Retry } from './retry.ts';
import type { ServerPings } from './server-pings.ts';
import type { MapChange, NetworkMap } from './types.ts';

export interface MapSessionOptions {
  readonly channel: Channel;
  readonly clock: Clock;
  readonly retry: Retry;
  readonly log: Log;
  readonly pings: ServerPings;
  readonly nodeKey: NodeKey;
  readonly machineKey: MachineKey;
  /** JSON of a stream request with the facts of now. */
  readonly body: () => string;
  /** The map of before: an earlier stream's, or one kept on disk. */
  readonly known: NetworkMap | undefined;
  readonly onMap: (map: NetworkMap, change: MapChange) => void;
  readonly onUp: () => void;
  readonly onDown: (error: string) => void;
  readonly openUrl: (url: string) => void;
}

const MAX_SLEEP_MS = 300_000;

/** A stream that ends sooner was no success: two machines with one identity would else replace each other without pause. */
const STEADY_MS = 30_000;

/** Resolves when the server has forgotten this machine, else goes on until aborted. */
export async function runMapSession(
  options: MapSessionOptions,
  signal: AbortSignal,
): Promise<'unknown-node'> {
  const session = new MapSession(options);
  let unknown = 0;
  while (true) {
    try {
      await session.runStream(signal);
    } catch (error) {
      signal.throwIfAborted();
      const trouble = toRhumbError(error);
      if (session.upForMs() >= STEADY_MS) options.retry.reset();
      options.onDown(trouble.message);
      unknown = refusalOf(trouble)?.status === 404 ? unknown + 1 : 0;
      if (unknown >= UNKNOWN_NODE_LIMIT) return 'unknown-node';
    }
    await options.retry.wait(signal);
  }
}

class MapSession {
  readonly #options: MapSessionOptions;
  #state: StreamState = EMPTY_STREAM;
  #known: NetworkMap | undefined;
  #openedUrl = '';
  #upAt: number | undefined;

  constructor(options: MapSessionOptions) {
    this.#options = options;
    this.#known = options.known;
  }

  /** How long the stream of now has had a map; 0 before it has one. */
  upForMs(): number {
    return this.#upAt === undefined ? 0 : this.#options.clock.monotonic() - this.#upAt;
  }

  runStream(signal: AbortSignal): Promise<never> {
    const { channel, clock, body } = this.#options;
    // State is per stream: the server tells everything again.
    this.#state = EMPTY_STREAM;
    this.#openedUrl = '';
    this.#upAt = undefined;
    const onMessage = (message: MapResponse, inner: AbortSignal): Promise<void> =>
      this.#message(message, inner);
    return runMapStream({ channel, clock, body: body(), onMessage }, signal);
  }

  async #message(message: MapResponse, signal: AbortSignal): Promise<void> {
    this.#serve(message, signal);
    if (message.KeepAlive === true) {
      // Only its clock counts: content in a keepalive is to be ignored (§5.2).
      this.#clockOnly(message);
      return;
    }
    await this.#sleepIfAsked(message, signal);
    const { clock, nodeKey, machineKey, log } = this.#options;
    const first = this.#state.map === undefined;
    const merged = mergeMap(this.#state, message, { nowMs: clock.now(), nodeKey, machineKey });
    this.#state = merged.state;
    if (first) {
      this.#upAt = clock.monotonic();
      log('info', 'map.up', { peers: merged.map.peers.size });
      this.#publish(merged.map, compareMaps(this.#known, merged.map));
      this.#options.onUp();
    } else if (merged.change !== undefined) this.#publish(merged.map, merged.change);
  }

  #publish(map: NetworkMap, change: MapChange): void {
    this.#known = map;
    this.#options.onMap(map, change);
  }

  /** What rides on any message, keepalives included. */
  #serve(message: MapResponse, signal: AbortSignal): void {
    if (message.PingRequest !== undefined) this.#options.pings.handle(message.PingRequest, signal);
    const url = message.PopBrowserURL ?? '';
    if (url === '' || url === this.#openedUrl) return;
    this.#openedUrl = url;
    if (isWebUrl(url)) this.#options.openUrl(url);
    else this.#options.log('warn', 'map.bad-url', { url: url.slice(0, 100) });
  }

  #clockOnly(message: MapResponse): void {
    const map = this.#state.map;
    const clockSkewMs = skewOf(message.ControlTime, this.#options.clock.now(), map);
    if (map === undefined || clockSkewMs === undefined || clockSkewMs === map.clockSkewMs) return;
    const next = { ...map, clockSkewMs };
    this.#state = { ...this.#state, map: next };
    this.#publish(next, { kind: 'delta', self: false, changed: [], removed: [], other: true });
  }

  /** A server under load asks its clients to wait before they go on. */
  async #sleepIfAsked(message: MapResponse, signal: AbortSignal): Promise<void> {
    const seconds = message.Debug?.SleepSeconds ?? 0;
    if (message.Debug?.Exit !== undefined)
      this.#options.log('warn', 'map.exit-ignored', { code: message.Debug.Exit });
    if (seconds > 0) await this.#options.clock.sleep(Math.min(MAX_SLEEP_MS, seconds * 1_000), signal);
  }
}
