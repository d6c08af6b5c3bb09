/** How often one kind of notice may come: whoever makes the words of it must not be able to bury the screen in them. */

/** So many at once, then one more in each span. */
const AT_ONCE = 4;
const SPAN_MS = 300_000;

export interface Budget {
  readonly left: number;
  readonly atMs: number;
}

/** Undefined when it is used up. */
export function spend(budget: Budget | undefined, nowMs: number): Budget | undefined {
  const { left, atMs } = budget ?? { left: AT_ONCE, atMs: nowMs };
  const back = Math.max(0, Math.floor((nowMs - atMs) / SPAN_MS));
  const now = Math.min(AT_ONCE, left + back);
  if (now === 0) return undefined;
  // A span that has begun goes on, unless there was nothing to wait for.
  return { left: now - 1, atMs: now === AT_ONCE ? nowMs : atMs + back * SPAN_MS };
}
