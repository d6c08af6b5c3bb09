/** One map stream: what its machine has been sent, how far it is, and whether it takes more. */
import type { Clock, Random } from '#shared/async/clock.ts';
import type { DiscoKey, NodeKey } from '#shared/key/key.ts';
import type { MapFacts } from '../state/map-facts.ts';
import { type Books, DirtMask } from './books.ts';
import { keepAliveFrames } from './frames.ts';

/** Where frames go: an HTTP/2 stream in production. */
export interface FrameSink {
  /** False when the other side takes no more for now; `onDrain` tells when it does again. */
  write(frame: Uint8Array): boolean;
  onDrain(fn: () => void): void;
  onClose(fn: () => void): void;
  /** Ends the stream in order. */
  end(): void;
  /** Ends it at once. */
  destroy(): void;
}

export interface StreamRequest {
  readonly nodeId: number;
  readonly nodeKey: NodeKey;
  readonly discoKey: DiscoKey | undefined;
  /** As in MapFacts. */
  readonly instance?: string | undefined;
  readonly capver: number;
  readonly isCompressed: boolean;
  readonly wantsKeepAlive: boolean;
  readonly sink: FrameSink;
}

/** Clients give up after 120 s of silence; Headscale's interval (control-protocol.md §5.2). */
const KEEP_ALIVE_MS = 50_000;
const KEEP_ALIVE_SPREAD_MS = 9_000;
/** A stream that takes nothing for so long is dropped; its client comes back and gets everything anew. */
export const STALLED_MS = 30_000;

export type SessionEnd = 'client-gone' | 'replaced' | 'stalled' | 'node-gone' | 'reset' | 'shutdown';

export interface SessionEvents {
  /** The sink takes frames again. */
  ready(session: MapSession): void;
  ended(session: MapSession, why: SessionEnd): void;
}

export class MapSession {
  readonly request: StreamRequest;
  /** Undefined until its first message is made: what happens before is in that. */
  books: Books | undefined;
  /** What it is yet to be told beyond the books. */
  readonly dirt: DirtMask = new DirtMask();
  /** What this machine reported last, for the day when it becomes the node's only one. */
  latest: MapFacts | undefined;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #events: SessionEvents;
  #state: 'starting' | 'ready' | 'blocked' | 'ended' = 'starting';
  #cancelTimer: (() => void) | undefined;

  constructor(request: StreamRequest, clock: Clock, random: Random, events: SessionEvents) {
    this.request = request;
    this.#clock = clock;
    this.#random = random;
    this.#events = events;
    request.sink.onClose(() => this.#finish('client-gone'));
    request.sink.onDrain(() => {
      if (this.#state !== 'blocked') return;
      this.#becomeReady();
      events.ready(this);
    });
  }

  /** Whether a frame may be sent now; what happens until then is gathered as dirt, not queued. */
  get isReady(): boolean {
    return this.#state === 'ready';
  }

  get isEnded(): boolean {
    return this.#state === 'ended';
  }

  /** The first frame opens the stream for all others. */
  send(frame: Uint8Array): void {
    if (this.#state === 'ended') return;
    if (this.request.sink.write(frame)) this.#becomeReady();
    else this.#becomeBlocked();
  }

  /** A keepalive with something to do for the client; false when it takes nothing now. */
  ask(frame: Uint8Array): boolean {
    if (!this.isReady) return false;
    this.send(frame);
    return true;
  }

  close(why: SessionEnd): void {
    if (this.#state === 'ended') return;
    const { sink } = this.request;
    this.#finish(why);
    if (why === 'stalled') sink.destroy();
    else sink.end();
  }

  #becomeReady(): void {
    this.#state = 'ready';
    const interval = KEEP_ALIVE_MS + this.#random() * KEEP_ALIVE_SPREAD_MS;
    this.#arm(interval, () => {
      if (!this.request.wantsKeepAlive) this.#becomeReady();
      else this.send(this.request.isCompressed ? keepAliveFrames.zstd : keepAliveFrames.plain);
    });
  }

  #becomeBlocked(): void {
    this.#state = 'blocked';
    this.#arm(STALLED_MS, () => this.close('stalled'));
  }

  #arm(ms: number, fn: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.after(ms, fn);
  }

  #finish(why: SessionEnd): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#cancelTimer?.();
    this.#events.ended(this, why);
  }
}
