/** Answers of upstreams, kept as long as they allow; bounded in number and bytes, the longest unused one goes first. */
import type { Response } from './response.ts';
import { get16, put16 } from './wire.ts';

/** Without an OPT record: that is between two neighbours (RFC 6891 §6.1.1). */
export type Kept = Pick<Response, 'bytes' | 'records' | 'optAt'>;

interface Entry {
  readonly kept: Kept;
  /** Monotonic ms. */
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly cost: number;
}

export interface CacheLimits {
  readonly entries: number;
  readonly bytes: number;
}

const LIMITS: CacheLimits = { entries: 4_096, bytes: 4 * 1_024 * 1_024 };
/** What an entry takes besides its message: key, places of records, the map's own. */
const ENTRY_COST = 512;
const RECORD_COST = 96;

export class Cache {
  readonly #limits: CacheLimits;
  /** The last used one last. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(limits: CacheLimits = LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** `agedS` = full seconds since the answer came. */
  get(key: string, nowMs: number): { readonly kept: Kept; readonly agedS: number } | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (nowMs >= entry.untilMs) {
      this.#bytes -= entry.cost;
      return undefined;
    }
    this.#entries.set(key, entry);
    return { kept: entry.kept, agedS: Math.floor((nowMs - entry.sinceMs) / 1_000) };
  }

  put(key: string, response: Response, nowMs: number): void {
    if (response.keepS <= 0) return;
    const kept = withoutOpt(response);
    const cost = kept.bytes.length + kept.records.length * RECORD_COST + key.length + ENTRY_COST;
    if (cost > this.#limits.bytes / 16) return;
    this.#drop(key);
    this.#entries.set(key, { kept, sinceMs: nowMs, untilMs: nowMs + response.keepS * 1_000, cost });
    this.#bytes += cost;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limits.entries && this.#bytes <= this.#limits.bytes) break;
      this.#drop(oldest);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.cost;
  }
}

/** A copy that owns its memory: the message may be a piece of a large read. */
function withoutOpt({ bytes, records, optAt }: Response): Kept {
  const copy = Uint8Array.prototype.slice.call(bytes, 0, optAt ?? bytes.length);
  if (optAt !== undefined) put16(copy, 10, get16(copy, 10) - 1);
  return { bytes: copy, records, optAt: undefined };
}
