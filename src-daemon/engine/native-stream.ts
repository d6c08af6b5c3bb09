/** The native engine's record stream: read when it has something to tell, and handed on in batches, by turns with all else. */
import { formatSockAddr } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import type { EngineHandle, EngineLibrary } from '../ffi/engine.ts';
import { type NativeRecord, readRecords } from './native-records.ts';
import { watchRecords } from './native-wake.ts';
import type { EngineRecord } from './types.ts';

/** Room for the largest record. */
const POLL_BYTES = 80 * 1024;
/** Records that are handled before others of this program have their turn: a few milliseconds' work. */
const BATCH_RECORDS = 128;

/** What is between the engine and us. */
export type OwnRecord = Exclude<NativeRecord, { readonly kind: 'record' }>;

export interface NativeStreamParts {
  readonly library: Pick<EngineLibrary, 'poll' | 'wakeFd' | 'wait'>;
  /** The one to read from now: an engine that failed is replaced. */
  readonly engine: () => EngineHandle;
  readonly take: (record: OwnRecord) => void;
  /** The engine can't be heard any more. */
  readonly lost: (why: string) => void;
  readonly log: Log;
}

/** What the panic said that ended an engine. */
export function lastWords(library: Pick<EngineLibrary, 'poll'>, engine: EngineHandle): string {
  const buffer = new Uint8Array(POLL_BYTES);
  for (;;) {
    const length = library.poll(engine, buffer);
    if (length <= 0) return 'it panicked';
    for (const record of readRecords(buffer.subarray(0, length)))
      if (record.kind === 'fatal') return record.why;
  }
}

export class NativeStream {
  readonly #parts: NativeStreamParts;
  readonly #buffer = new Uint8Array(POLL_BYTES);
  /** Of the user, oldest first. */
  #pending: EngineRecord[] = [];
  #handle: ((batch: Iterable<EngineRecord>) => void) | undefined;
  /** It fills by itself. */
  #isOpen = false;
  #unwatch: (() => void) | undefined;
  #isReading = false;
  /** A batch follows the work at hand. */
  #isScheduled = false;
  /** There is more to do when others have had their turn. */
  #isTurnTaken = false;

  constructor(parts: NativeStreamParts) {
    this.#parts = parts;
  }

  /** From now on it fills by itself, and not only by calls after which it is read. */
  open(): void {
    this.#isOpen = true;
    this.#watch();
  }

  close(): void {
    this.#isOpen = false;
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  onRecords(handle: (batch: Iterable<EngineRecord>) => void): void {
    this.#handle = handle;
    if (this.#pending.length > 0) this.#schedule();
    this.#watch();
  }

  /** Takes everything that the engine has to tell; what that leads to may make it tell more. */
  read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#mayRead()) {
        const { library, engine } = this.#parts;
        const length = library.poll(engine(), this.#buffer);
        if (length <= 0) return;
        // A copy: users keep views of it until the batch is handled.
        for (const record of readRecords(this.#buffer.slice(0, length))) {
          if (record.kind === 'record') this.push(record.record);
          else this.#parts.take(record);
        }
      }
    } finally {
      this.#isReading = false;
    }
  }

  /** Tells the user. */
  push(record: EngineRecord): void {
    this.#note(record);
    this.#pending.push(record);
    if (this.#handle !== undefined) this.#schedule();
  }

  /** Nothing is handed on any more. */
  end(): void {
    this.#handle = undefined;
    this.#pending = [];
  }

  /** Before there is someone to tell, the engine keeps what it has, as much of each kind as it has room for. */
  #watch(): void {
    if (!this.#isOpen || this.#handle === undefined) return;
    const { library, engine, lost } = this.#parts;
    this.#unwatch ??= watchRecords(library, engine(), { ready: () => this.read(), lost });
  }

  /** Strangers may send without end what has to be told; the engine drops what it can't tell in time. */
  #mayRead(): boolean {
    if (!this.#isOpen) return true;
    if (this.#handle === undefined) return false;
    if (this.#pending.length < BATCH_RECORDS) return true;
    this.#takeTurn();
    return false;
  }

  #note(record: EngineRecord): void {
    const { log } = this.#parts;
    if (record.type === 'device') log('error', `engine.${record.what}`, { why: record.detail });
    if (record.type === 'offload') {
      const { what, path, code } = record;
      log('warn', 'engine.offload-off', { what, path: path && formatSockAddr(path), code });
    }
  }

  /** A microtask: the handler calls back into the engine, which must not be in the middle of a packet then. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const batch = this.#pending.splice(0, this.#isOpen ? BATCH_RECORDS : this.#pending.length);
    if (batch.length > 0) this.#handle?.(batch);
    if (this.#pending.length > 0) this.#takeTurn();
  }

  #takeTurn(): void {
    if (this.#isTurnTaken) return;
    this.#isTurnTaken = true;
    setImmediate(() => {
      this.#isTurnTaken = false;
      this.#deliver();
      this.read();
    });
  }
}
