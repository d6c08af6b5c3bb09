/** One connection to a relay: the session on its stream, writing in batches, and whether it is still alive. */
import type { Clock, Random } from '#shared/async/clock.ts';
import type { X25519Private } from '#shared/crypto/x25519.ts';
import { HEADER_BYTES, KEY_BYTES } from '#shared/derp/frames.ts';
import type { ServerInfo } from '#shared/derp/info.ts';
import type { Restarting } from '#shared/derp/messages.ts';
import type { NodeKey } from '#shared/key/key.ts';
import type { CounterSet } from './counters.ts';
import { Liveness } from './liveness.ts';
import { Session } from './session.ts';
import { TokenBucket } from './token-bucket.ts';
import type { RelayStream } from './types.ts';
import type { UpgradeRequest } from './upgrade.ts';

export interface ConnectionEvents {
  opened(): void;
  joined(): void;
  /** There is room again after `isWritable` was false. */
  writable(): void;
  packet(from: NodeKey, data: Uint8Array): void;
  peerGone(key: NodeKey, reason: number): void;
  health(problem: string | undefined): void;
  restarting(announced: Restarting): void;
  /** `deadlineMs` is earlier than it was. */
  deadlineMoved(): void;
  /** By itself; nothing comes after it. */
  ended(why: string): void;
}

export interface ConnectionOptions {
  readonly stream: RelayStream;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: CounterSet;
  readonly identity: X25519Private;
  readonly generation: number;
  readonly upgrade: Omit<UpgradeRequest, 'isFastStart'>;
  readonly on: ConnectionEvents;
}

/**
 * What may lie between us and the system. A stream takes any amount; beyond this packets wait in the region's short queue,
 * where the oldest are dropped, instead of growing old in a buffer (nat-traversal.md §9.2.8).
 */
const MAX_BUFFERED_BYTES = 64 * 1_024;

export class Connection {
  readonly generation: number;
  readonly #stream: RelayStream;
  readonly #clock: Clock;
  readonly #counters: CounterSet;
  readonly #on: ConnectionEvents;
  readonly #session: Session;
  readonly #liveness: Liveness;
  #bucket: TokenBucket | undefined;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #isClosed = false;
  #latencyMs: number | undefined;
  #trafficAt: number;
  #isHome = false;
  #isJoined = false;
  /** The system took less than there was. */
  #wasFull = false;

  constructor(options: ConnectionOptions) {
    this.generation = options.generation;
    this.#stream = options.stream;
    this.#clock = options.clock;
    this.#counters = options.counters;
    this.#on = options.on;
    this.#trafficAt = options.clock.monotonic();
    this.#liveness = new Liveness(options.clock.monotonic(), options.random);
    this.#session = new Session({
      stream: options.stream,
      identity: options.identity,
      upgrade: options.upgrade,
      events: this.#events(),
    });
  }

  get localIp(): string | undefined {
    return this.#stream.localIp;
  }

  get heardAtMs(): number {
    return this.#liveness.heardAt;
  }

  get latencyMs(): number | undefined {
    return this.#latencyMs;
  }

  /** Once it has: whether a ping without an answer means anything. */
  get answersPings(): boolean {
    return this.#liveness.answersPings;
  }

  /** When the last packet went or came. */
  get trafficAtMs(): number {
    return this.#trafficAt;
  }

  get isWritable(): boolean {
    return !this.#isClosed && this.#stream.bufferedBytes + this.#batchBytes < MAX_BUFFERED_BYTES;
  }

  start(): void {
    this.#stream.start({
      data: (chunk) => {
        this.#liveness.heard(this.#clock.monotonic());
        this.#session.receive(chunk);
      },
      drained: () => this.#drained(),
      closed: (why) => this.#ended(why),
    });
    this.#session.start();
  }

  /** Takes a whole SendPacket frame; only while `isWritable`. All frames of one turn leave in one write. */
  send(frame: Uint8Array, nowMs: number): void {
    if (this.#bucket?.take(frame.length, nowMs) === false) {
      this.#counters.drop('rate');
      return;
    }
    this.#counters.sentPackets++;
    this.#counters.sentBytes += frame.length - HEADER_BYTES - KEY_BYTES;
    // A microtask runs when the present callback is done: a batch from the engine becomes one write, and one packet waits
    // for nothing.
    if (this.#batch.length === 0) queueMicrotask(() => this.#flush());
    this.#batch.push(frame);
    this.#batchBytes += frame.length;
    this.#trafficAt = nowMs;
    if (this.#liveness.wrote(nowMs)) this.#on.deadlineMoved();
  }

  notePreferred(isHome: boolean): void {
    if (isHome === this.#isHome || this.#isClosed) return;
    this.#isHome = isHome;
    this.#session.sendNotePreferred(isHome);
  }

  /** Any frame must come within the limit, or the connection is dead. */
  ping(limitMs?: number): void {
    if (this.#isClosed) return;
    this.#session.sendPing();
    this.#liveness.pinged(this.#clock.monotonic(), limitMs);
    this.#on.deadlineMoved();
  }

  /** When `check` is due. */
  deadlineMs(): number {
    return this.#liveness.deadline();
  }

  /** Why the connection is dead, or undefined; sends a ping where one is due. */
  check(nowMs: number): string | undefined {
    const verdict = this.#liveness.check(nowMs);
    if (verdict.kind === 'dead') return verdict.why;
    if (verdict.kind === 'ping') {
      this.#session.sendPing();
      this.#liveness.pinged(nowMs);
    }
    return undefined;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#session.end();
    this.#stream.close();
  }

  #drained(): void {
    if (this.#isClosed) return;
    // A full buffer that moves is acknowledged data: behind much of it an answer to our ping may take longer than its limit.
    if (this.#wasFull) this.#liveness.heard(this.#clock.monotonic());
    this.#wasFull = false;
    this.#on.writable();
  }

  #flush(): void {
    if (this.#isClosed || this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#stream.write(batch);
    this.#wasFull = this.#stream.bufferedBytes >= MAX_BUFFERED_BYTES;
  }

  #ended(why: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#on.ended(why);
  }

  #events(): ConstructorParameters<typeof Session>[0]['events'] {
    return {
      opened: () => this.#on.opened(),
      joined: (info) => this.#joined(info),
      packet: (from, data) => {
        this.#counters.receivedPackets++;
        this.#counters.receivedBytes += data.length;
        this.#liveness.received();
        this.#trafficAt = this.#liveness.heardAt;
        this.#on.packet(from, data);
      },
      peerGone: (key, reason) => this.#on.peerGone(key, reason),
      ponged: () => {
        this.#latencyMs = this.#liveness.ponged(this.#clock.monotonic()) ?? this.#latencyMs;
      },
      health: (problem) => this.#on.health(problem),
      restarting: (announced) => this.#on.restarting(announced),
      failed: (why) => this.#ended(why),
    };
  }

  #joined(info: ServerInfo): void {
    const { tokenBucketBytesPerSecond: rate, tokenBucketBytesBurst: burst } = info;
    this.#bucket = rate === 0 ? undefined : new TokenBucket(rate, burst, this.#clock.monotonic());
    // Told again, it is about the rate alone.
    if (this.#isJoined) return;
    this.#isJoined = true;
    this.#stream.admitted();
    this.#on.joined();
    // The round trip, and whether this relay answers pings at all.
    this.ping();
  }
}
