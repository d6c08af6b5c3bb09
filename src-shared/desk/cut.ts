/** Bounds on what others wrote: it is kept whole only as far as anybody could read it. */

/** Names: of DNS, of hosts, of people. */
const NAME_MAX = 256;
/** Sentences. */
export const WORDS_MAX = 2_048;
/** Of tags, routes, addresses, capabilities of one device. */
const ITEMS_MAX = 512;

/** Not within a pair of surrogates. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = /[\ud800-\udbff]/.test(text.charAt(max - 2)) ? max - 2 : max - 1;
  return `${text.slice(0, end)}…`;
}

export const cutName = (text: string): string => cutText(text, NAME_MAX);

export const cutList = (list: readonly string[] | undefined): string[] =>
  (list ?? []).slice(0, ITEMS_MAX).map(cutName);
