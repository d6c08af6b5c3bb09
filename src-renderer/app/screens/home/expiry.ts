/** When a key that is about to end is worth a word, and how long "later" is; pure (desktop.md §5.11). */

export type Expiry = { readonly kind: 'soon' | 'hour'; readonly remainingMs: number };

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Of the whole life of a key. */
const SOON_PART = 0.2;

/** A key that lives for a day is not worth a word the moment it was renewed. */
export function expiryNotice({
  lifetimeMs,
  remainingMs,
}: {
  /** Undefined where nobody knows when it began. */
  readonly lifetimeMs: number | undefined;
  readonly remainingMs: number;
}): Expiry | undefined {
  if (remainingMs <= 0) return undefined;
  if (remainingMs <= HOUR) return { kind: 'hour', remainingMs };
  const soonMs = Math.min(DAY, lifetimeMs === undefined ? DAY : lifetimeMs * SOON_PART);
  return remainingMs < soonMs ? { kind: 'soon', remainingMs } : undefined;
}

/** Half of what is left; the last hour is told in any case. */
export function laterMs({ kind, remainingMs }: Expiry): number {
  return kind === 'soon' ? Math.min(remainingMs / 2, remainingMs - HOUR) : remainingMs / 2;
}
