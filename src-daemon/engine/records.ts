/** The engine's one record stream towards its user: bounded by class, handed over in batches after the work at hand. */
import type { Counters } from './counters.ts';
import type { EngineRecord } from './types.ts';

const MAX_HANDSHAKES = 256;
const MAX_PACKET_BYTES = 512 * 1024;
/** Control events are few by construction; this only bounds a user that stopped reading. */
const MAX_EVENTS = 16_384;

export class RecordQueue {
  readonly #counters: Counters;
  #records: EngineRecord[] = [];
  #handshakes = 0;
  #packetBytes = 0;
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
  }

  #admit(record: EngineRecord): boolean {
    if (record.type === 'handshake') {
      if (this.#handshakes >= MAX_HANDSHAKES) return false;
      this.#handshakes++;
    } else if ('data' in record) {
      if (this.#packetBytes + record.data.length > MAX_PACKET_BYTES) return false;
      this.#packetBytes += record.data.length;
    }
    return this.#records.length < MAX_EVENTS;
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
