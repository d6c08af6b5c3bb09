/** Which of the packets that the filter dropped are told of: few, however many there are (localapi-and-daemon.md §9.5). */
import { type Bucket, take } from './bucket.ts';
import { PROTOCOL_TCP, protocolOf } from './inner.ts';

/** The beginning of a connection is told of apart: its sender is told that it was refused. Per peer. */
const SYNS_PER_MS = 10 / 1_000;
const SYN_BURST = 20;
/** All others, of all peers together. */
const OTHERS_PER_MS = 2 / 1_000;
const OTHERS_BURST = 10;
/** IP header with options and a TCP header without. */
const SAMPLE_BYTES = 96;

/** Of one sender. */
export const synBucket = (): Bucket => ({ tokens: SYN_BURST, at: 0 });

export class DropSampler {
  readonly #others: Bucket = { tokens: OTHERS_BURST, at: 0 };

  /** The beginning of the packet, or undefined when enough were told. */
  sample(
    packet: Uint8Array,
    length: number,
    version: 4 | 6,
    syns: Bucket,
    now: number,
  ): Uint8Array | undefined {
    const mayTell =
      protocolOf(packet, version) === PROTOCOL_TCP
        ? take(syns, SYNS_PER_MS, SYN_BURST, now)
        : take(this.#others, OTHERS_PER_MS, OTHERS_BURST, now);
    return mayTell ? packet.slice(0, Math.min(length, SAMPLE_BYTES)) : undefined;
  }
}
