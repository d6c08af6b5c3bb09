/** Many deadlines on one timer: each is met on a grid, so that thousands of peers share a few wake-ups. */
import type { Clock } from '#shared/async/clock.ts';

const GRID_MS = 25;
/** No busy machine is that slow; one that slept is (nat-traversal.md §9.5-19). */
const LATE_MS = 5_000;

export interface DeadlinesDeps<K> {
  readonly clock: Clock;
  /** The clock in which deadlines are given. */
  nowMs(): number;
  /** Must move or remove each of these deadlines, or it is due again. */
  due(keys: readonly K[]): void;
  /** The timer rang this much later than it should: the machine slept, or the process was stopped. */
  late?(ms: number): void;
}

export class Deadlines<K> {
  readonly #deps: DeadlinesDeps<K>;
  /** Only what waits for something: idle peers cost nothing here. */
  readonly #at = new Map<K, number>();
  #timer: { readonly atMs: number; cancel(): void } | undefined;
  #closed = false;

  constructor(deps: DeadlinesDeps<K>) {
    this.#deps = deps;
  }

  /** Undefined removes it. */
  set(key: K, atMs: number | undefined): void {
    if (atMs === undefined || this.#closed) {
      this.#at.delete(key);
      return;
    }
    this.#at.set(key, atMs);
    this.#arm(atMs);
  }

  delete(key: K): void {
    this.#at.delete(key);
  }

  close(): void {
    this.#closed = true;
    this.#at.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Only an earlier deadline moves the timer; a later one is found when it rings. */
  #arm(atMs: number): void {
    const onGrid = Math.ceil(atMs / GRID_MS) * GRID_MS;
    if (this.#timer !== undefined && this.#timer.atMs <= onGrid) return;
    this.#timer?.cancel();
    const cancel = this.#deps.clock.after(Math.max(1, onGrid - this.#deps.nowMs()), () => this.#ring());
    this.#timer = { atMs: onGrid, cancel };
  }

  #ring(): void {
    const wantedMs = this.#timer?.atMs;
    this.#timer = undefined;
    const nowMs = this.#deps.nowMs();
    if (wantedMs !== undefined && nowMs - wantedMs > LATE_MS) this.#deps.late?.(nowMs - wantedMs);
    const due: K[] = [];
    for (const [key, atMs] of this.#at) if (atMs <= nowMs) due.push(key);
    if (due.length > 0) this.#deps.due(due);
    let earliest = Number.POSITIVE_INFINITY;
    for (const atMs of this.#at.values()) earliest = Math.min(earliest, atMs);
    if (Number.isFinite(earliest) && !this.#closed) this.#arm(earliest);
  }
}
