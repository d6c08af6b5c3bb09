/** Keeps one event that goes wild from filling the log: so many in a while, and then their number. */

const MOST = 50;
const WINDOW_MS = 10_000;
/** Events are a closed list; more keys than this would be a bug of ours. */
const MAX_KEYS = 1_000;

interface Window {
  fromMs: number;
  count: number;
  suppressed: number;
}

export class LineLimit {
  readonly #windows = new Map<string, Window>();

  /** Undefined = leave it out; else how many like it were left out since the last one. */
  admit(key: string, nowMs: number): number | undefined {
    const window = this.#windows.get(key);
    if (window === undefined || nowMs - window.fromMs >= WINDOW_MS) {
      if (window === undefined && this.#windows.size >= MAX_KEYS) this.#windows.clear();
      this.#windows.set(key, { fromMs: nowMs, count: 1, suppressed: 0 });
      return window?.suppressed ?? 0;
    }
    window.count++;
    if (window.count <= MOST) return 0;
    window.suppressed++;
    return undefined;
  }
}
