/** The engine's one record stream towards its user: bounded by class, handed over in batches after the work at hand. */
import { classify, Kind } from './classify.ts';
import type { Counters } from './counters.ts';
import type { EngineRecord } from './types.ts';

/** Room for each class, so that a flood of one keeps out none of another; as in `native/src/records.rs`. */
const MAX_HANDSHAKES = 256;
const MAX_PACKET_BYTES = 512 * 1024;
/** Events are few by construction; this only bounds a user that stopped reading. */
const MAX_EVENTS = 16_384;

export class RecordQueue {
  readonly #counters: Counters;
  #records: EngineRecord[] = [];
  #handshakes = 0;
  #packetBytes = 0;
  #events = 0;
  #isScheduled = false;
  #handle: ((batch: Iterable<EngineRecord>) => void) | undefined;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  onRecords(handle: (batch: Iterable<EngineRecord>) => void): void {
    this.#handle = handle;
    if (this.#records.length > 0) this.#schedule();
  }

  /** Packets in records must be arrays that nobody writes to before the batch is handled. */
  push(record: EngineRecord): void {
    if (!this.#admit(record)) {
      this.#counters['drop.record-queue']++;
      return;
    }
    this.#records.push(record);
    if (this.#handle !== undefined) this.#schedule();
  }

  clear(): void {
    this.#records = [];
    this.#handshakes = 0;
    this.#packetBytes = 0;
    this.#events = 0;
  }

  #admit(record: EngineRecord): boolean {
    switch (record.type) {
      case 'handshake':
        return this.#admitHandshake();
      case 'relay-out':
        // Data that floods a relay must not keep out the handshake that it waits for.
        return isHandshake(record.data) ? this.#admitHandshake() : this.#admitPacket(record.data);
      case 'disco':
      case 'stun':
      case 'local':
      case 'tsmp':
      case 'icmp-echo-reply':
        return this.#admitPacket(record.data);
      default:
        if (this.#events >= MAX_EVENTS) return false;
        this.#events++;
        return true;
    }
  }

  #admitHandshake(): boolean {
    if (this.#handshakes >= MAX_HANDSHAKES) return false;
    this.#handshakes++;
    return true;
  }

  #admitPacket({ length }: Uint8Array): boolean {
    if (this.#packetBytes + length > MAX_PACKET_BYTES) return false;
    this.#packetBytes += length;
    return true;
  }

  /** A microtask: the handler calls back into the engine, which must not be in the middle of a packet then. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      const batch = this.#records;
      this.clear();
      if (batch.length > 0) this.#handle?.(batch);
    });
  }
}

function isHandshake(datagram: Uint8Array): boolean {
  const kind = classify(datagram);
  return kind !== Kind.Data && kind !== Kind.Junk;
}
