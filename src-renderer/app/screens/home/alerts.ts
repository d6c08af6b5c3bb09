/** Which health warnings are shown, in which order, and when a key is about to end; pure (desktop.md §5.11, §8). */
import type { Warning } from '#shared/ui-state/types.ts';

/** Said by the state itself, or no trouble at all. */
const NO_BANNER: readonly string[] = [
  'wantrunning-false',
  'login-state',
  'warming-up',
  'update-available',
  'security-update-available',
];
const SEVERITY = { high: 0, medium: 1, low: 2 } as const;

/** `dismissed` maps codes to the etag that was dismissed: another one is news again. */
export function visibleWarnings(
  warnings: readonly Warning[],
  dismissed: Readonly<Record<string, string>>,
): readonly Warning[] {
  const codes = new Set(warnings.map(({ code }) => code));
  if (codes.has('warming-up')) return [];
  return warnings
    .filter(({ code }) => !NO_BANNER.includes(code))
    .filter(({ dependsOn }) => !dependsOn.some((code) => codes.has(code)))
    .filter(({ code, severity, etag }) => severity !== 'low' || dismissed[code] !== etag)
    .sort(
      (a, b) =>
        Number(b.impactsConnectivity) - Number(a.impactsConnectivity) ||
        SEVERITY[a.severity] - SEVERITY[b.severity] ||
        (a.brokenSinceMs ?? 0) - (b.brokenSinceMs ?? 0),
    );
}

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
