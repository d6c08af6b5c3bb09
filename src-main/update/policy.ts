/** Whether this copy of the program looks for updates itself, and whether a version is one. */

export type UpdateSource =
  /** Releases are read from this address. */
  { readonly kind: 'feed'; readonly url: string } | { readonly kind: 'off'; readonly why: string };

/** A package manager that put the program there also brings the next version. */
export function updateSource(platform: string, isPackaged: boolean, feed: string | undefined): UpdateSource {
  if (!isPackaged) return off('this is a development copy: update the checkout');
  if (platform === 'linux') return off('your package manager brings updates');
  if (feed === undefined || feed === '') return off('this build has no feed of updates');
  const url = URL.parse(feed);
  if (url?.protocol !== 'https:') return off('the feed of updates is no https address');
  return { kind: 'feed', url: url.href };
}

const off = (why: string): UpdateSource => ({ kind: 'off', why });

/** By numbers, first to last; what comes after `-` is older than the same without. */
export function isNewer(candidate: string, current: string): boolean {
  const [a, b] = [parts(candidate), parts(current)];
  if (a === undefined || b === undefined) return false;
  for (const n of [0, 1, 2] as const)
    if (a.numbers[n] !== b.numbers[n]) return (a.numbers[n] ?? 0) > (b.numbers[n] ?? 0);
  if (a.pre === b.pre) return false;
  return a.pre === '' || (b.pre !== '' && a.pre > b.pre);
}

function parts(version: string): { readonly numbers: readonly number[]; readonly pre: string } | undefined {
  const match = /^v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:-([0-9A-Za-z.-]{1,64}))?/.exec(version);
  if (match === null) return undefined;
  return { numbers: match.slice(1, 4).map(Number), pre: match[4] ?? '' };
}
