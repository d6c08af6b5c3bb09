/** Which health warnings are shown, and in which order; pure (desktop.md §8). */
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

/** Longer ones than the host keeps are told apart by how they begin. */
const KEPT = 256;
/** What was put away longest ago is forgotten first. */
const MOST_DISMISSED = 100;

const isDismissed = (dismissed: Readonly<Record<string, string>>, code: string, etag: string): boolean => {
  const name = code.slice(0, KEPT);
  return Object.hasOwn(dismissed, name) && dismissed[name] === etag.slice(0, KEPT);
};

export function withDismissed(
  dismissed: Readonly<Record<string, string>>,
  code: string,
  etag: string,
): Readonly<Record<string, string>> {
  const name = code.slice(0, KEPT);
  const others = Object.entries(dismissed).filter(([one]) => one !== name);
  return Object.fromEntries([...others.slice(1 - MOST_DISMISSED), [name, etag.slice(0, KEPT)]]);
}

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
    .filter(({ code, severity, etag }) => severity !== 'low' || !isDismissed(dismissed, code, etag))
    .sort(
      (a, b) =>
        Number(b.impactsConnectivity) - Number(a.impactsConnectivity) ||
        SEVERITY[a.severity] - SEVERITY[b.severity] ||
        (a.brokenSinceMs ?? 0) - (b.brokenSinceMs ?? 0),
    );
}

/** The app and the service of one release belong together; undefined where they do, or nobody can tell. */
export function versionGap(app: string, service: string): 'older-service' | 'older-app' | undefined {
  const [a, b] = [numbersOf(app), numbersOf(service)];
  if (a === undefined || b === undefined) return undefined;
  const difference = a.map((value, n) => value - (b[n] ?? 0)).find((one) => one !== 0);
  if (difference === undefined) return undefined;
  return difference > 0 ? 'older-service' : 'older-app';
}

function numbersOf(version: string): readonly number[] | undefined {
  const found = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})/.exec(version);
  return found === null ? undefined : found.slice(1).map(Number);
}
