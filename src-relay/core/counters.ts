/** What the relay counts: plain numbers, written on the hot path and read by whoever prints metrics (nat-traversal.md §1.14). */

export const DropReason = {
  UnknownDest: 0,
  UnknownDestOnForward: 1,
  GoneDisconnected: 2,
  QueueHead: 3,
  QueueTail: 4,
  WriteError: 5,
  DupClient: 6,
} as const;
export type DropReason = (typeof DropReason)[keyof typeof DropReason];

/** The official labels, in the order of `DropReason`. */
export const DROP_LABELS = [
  'unknown_dest',
  'unknown_dest_on_fwd',
  'gone_disconnected',
  'queue_head',
  'queue_tail',
  'write_error',
  'dup_client',
] as const;

export type RefusalReason = 'gate' | 'handshake' | 'admission' | 'timeout' | 'protocol' | 'closing';

/** Upper bounds of buckets, and how many values fell at or below each but not into an earlier one; the last has no bound. */
export class Histogram {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let at = 0;
    while (at < this.bounds.length && value > (this.bounds[at] as number)) at++;
    this.counts[at] = (this.counts[at] as number) + 1;
    this.sum += value;
  }
}

const EWMA_ALPHA = 0.1;

export class Counters {
  accepts = 0;
  websocketAccepts = 0;
  packetsReceived = 0;
  packetsReceivedDisco = 0;
  bytesReceived = 0;
  packetsSent = 0;
  bytesSent = 0;
  packetsForwardedIn = 0;
  packetsForwardedOut = 0;
  peerGoneDisconnectedFrames = 0;
  peerGoneNotHereFrames = 0;
  gotPing = 0;
  sentPong = 0;
  unknownFrames = 0;
  homeMovesIn = 0;
  homeMovesOut = 0;
  multiForwarderCreated = 0;
  multiForwarderDeleted = 0;
  writeTimeouts = 0;
  rateLimitWaited = 0;
  dupClientConnsTotal = 0;
  averageQueueMs = 0;
  /** Ours: connections that ended before they were a client, or for breaking the rules. */
  readonly refused: Record<RefusalReason, number> = {
    gate: 0,
    handshake: 0,
    admission: 0,
    timeout: 0,
    protocol: 0,
    closing: 0,
  };
  /** Indexed by 2 × reason + (disco ? 0 : 1). */
  readonly droppedPackets: number[] = new Array<number>(2 * DROP_LABELS.length).fill(0);
  readonly droppedBytes: number[] = new Array<number>(2 * DROP_LABELS.length).fill(0);
  readonly writeFrames = new Histogram([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, 50, 100]);
  readonly meshBatch = new Histogram([0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000]);
  /** Measured with our own pings, as Node does not tell what the kernel knows. */
  readonly rttMs = new Histogram([10, 20, 50, 100, 150, 250, 500]);

  drop(reason: DropReason, isDisco: boolean, bytes: number): void {
    const at = 2 * reason + (isDisco ? 0 : 1);
    this.droppedPackets[at] = (this.droppedPackets[at] as number) + 1;
    this.droppedBytes[at] = (this.droppedBytes[at] as number) + bytes;
  }

  queued(ms: number): void {
    this.averageQueueMs += EWMA_ALPHA * (ms - this.averageQueueMs);
  }

  /** The same for `count` packets that did not wait at all. */
  unqueued(count: number): void {
    if (this.averageQueueMs !== 0) this.averageQueueMs *= (1 - EWMA_ALPHA) ** count;
  }
}
