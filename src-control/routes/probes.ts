/** Asks routers that stand in for each other whether they are still there, and tells who is not (coordination-server.md §7.2). */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { type Meter, noMeter } from '../state/meter.ts';

/** The map streams, as far as probes go. */
export interface Streams {
  /** False when the machine has no stream that takes a question now. */
  ping(nodeId: number, order: { readonly url: string }): boolean;
  /** Another object after the machine came back. */
  streamOf(nodeId: number): object | undefined;
  /** Told of each machine that gets or loses a stream; the result ends it. */
  watchStreams(listener: (nodeId: number) => void): () => void;
}

export interface ProbesDeps {
  readonly streams: Pick<Streams, 'ping' | 'streamOf'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter?: Meter;
  /** Machines reach it at `/machine/ping-response`. */
  readonly serverUrl: string;
  /** Unguessable, never the same twice. */
  readonly mintId: () => string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Whom to ask in this round. */
  readonly routers: () => readonly number[];
  /** What a round found, all at once; machines about which it found nothing are not in it. */
  readonly found: (health: ReadonlyMap<number, boolean>) => void;
}

interface Probe {
  readonly nodeId: number;
  readonly stream: object;
  /** The machine had this stream in the round before: it has had time to take over its map. */
  readonly isSettled: boolean;
}

export class Probes implements Disposable {
  readonly #deps: ProbesDeps;
  readonly #meter: Meter;
  /** Of this round, by the id in the URL. */
  #open = new Map<string, Probe>();
  #answered = new Map<number, boolean>();
  /** Which stream each router had in the last round. */
  #streams = new Map<number, object>();
  #cancel: () => void;

  constructor(deps: ProbesDeps) {
    this.#deps = deps;
    this.#meter = deps.meter ?? noMeter;
    this.#cancel = deps.clock.after(deps.intervalMs, () => this.#begin());
  }

  [Symbol.dispose](): void {
    this.#cancel();
    this.#open.clear();
  }

  /** Somebody came to the address of a probe; false when there is none, or not any more. */
  answer(id: string): boolean {
    const probe = this.#open.get(id);
    if (probe === undefined) return false;
    this.#open.delete(id);
    this.#answered.set(probe.nodeId, true);
    this.#meter.count('route_probes', { result: 'answered' });
    if (this.#open.size === 0) this.#end();
    return true;
  }

  #begin(): void {
    const { routers, streams, serverUrl, mintId, timeoutMs } = this.#deps;
    const before = this.#streams;
    this.#streams = new Map();
    this.#answered = new Map();
    for (const nodeId of routers()) {
      const stream = streams.streamOf(nodeId);
      if (stream === undefined) continue;
      this.#streams.set(nodeId, stream);
      const id = mintId();
      if (!streams.ping(nodeId, { url: `${serverUrl}/machine/ping-response?id=${id}` })) continue;
      this.#open.set(id, { nodeId, stream, isSettled: before.get(nodeId) === stream });
    }
    this.#arm(timeoutMs, () => this.#end());
  }

  /** Everybody has answered, or nobody is waited for any longer. */
  #end(): void {
    const health = new Map(this.#answered);
    for (const probe of this.#open.values()) this.#judge(probe, health);
    this.#open = new Map();
    const { intervalMs } = this.#deps;
    this.#arm(intervalMs, () => this.#begin());
    if (health.size > 0) this.#deps.found(health);
  }

  /** Silence means something only from a machine that has the stream it was asked on, and had it for a round. */
  #judge({ nodeId, stream, isSettled }: Probe, health: Map<number, boolean>): void {
    if (!isSettled || this.#deps.streams.streamOf(nodeId) !== stream) {
      this.#meter.count('route_probes', { result: 'deferred' });
      return;
    }
    this.#meter.count('route_probes', { result: 'silent' });
    this.#deps.log('warn', 'route.probe-unanswered', { node: nodeId });
    health.set(nodeId, false);
  }

  #arm(ms: number, fn: () => void): void {
    this.#cancel();
    this.#cancel = this.#deps.clock.after(ms, fn);
  }
}
