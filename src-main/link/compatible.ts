/** Whether this program and a daemon of that version understand each other (desktop.md §5.1.4); pure. */

/** One minor version apart is what an update in progress looks like; further apart, what is shown may not be what is. */
const MINORS_APART = 1;

/** What has no version of ours is not judged by it. */
export function isCompatible(app: string, daemon: string): boolean {
  const [a, b] = [numbersOf(app), numbersOf(daemon)];
  if (a === undefined || b === undefined) return true;
  return a.major === b.major && Math.abs(a.minor - b.minor) <= MINORS_APART;
}

function numbersOf(version: string): { readonly major: number; readonly minor: number } | undefined {
  const found = /^(\d{1,6})\.(\d{1,6})\./.exec(version);
  return found === null ? undefined : { major: Number(found[1]), minor: Number(found[2]) };
}
