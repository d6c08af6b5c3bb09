/** What a mistyped name was probably meant to be. */

const MAX_DISTANCE = 2;
/** Longer names are no typing mistakes worth the time. */
const MAX_LENGTH = 80;

/** ` (did you mean "tag:web"?)` when one declared name is at most two edits away, else nothing (policy.md §6.2). */
export function suggestion(word: string, known: Iterable<string>): string {
  let best: string | undefined;
  let bestDistance = MAX_DISTANCE + 1;
  if (word.length > MAX_LENGTH) return '';
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) > MAX_DISTANCE) continue;
    const distance = edits(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance && distance < candidate.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best === undefined ? '' : ` (did you mean ${JSON.stringify(best)}?)`;
}

/** Levenshtein's distance, one row at a time. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
