/** What was most likely meant by a word that nobody knows. */

/** Insertions, deletions, changes and swaps of neighbours that turn one word into the other. */
function distance(a: string, b: string): number {
  const rows: number[][] = [];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 0; i <= a.length; i++) {
    const row: number[] = [];
    rows.push(row);
    for (let j = 0; j <= b.length; j++) {
      if (i === 0 || j === 0) {
        row.push(i + j);
        continue;
      }
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, at(i - 2, j - 2) + 1);
      row.push(best);
    }
  }
  return at(a.length, b.length);
}

const MAX_WORD = 64;

/** The name that was most likely meant; undefined when none is near. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  if (word.length > MAX_WORD) return undefined;
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 2)) + 1;
  for (const name of names) {
    // Half a word typed is near, however long the rest is.
    const isStart = word.length >= 3 && name.startsWith(word);
    const found = isStart ? 1 : distance(word, name);
    if (found < least) [best, least] = [name, found];
  }
  return best;
}
