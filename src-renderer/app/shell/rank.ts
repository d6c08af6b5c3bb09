/** How well words fit a thing: its beginning, the beginning of one of its words, anywhere, something said beside it; pure. */

/** Smaller is better; undefined = not at all. Every word must fit somewhere. */
export function rank(wanted: string, name: string, beside: string): number | undefined {
  const words = fold(wanted).split(/\s+/).filter(Boolean);
  const foldedName = fold(name);
  const all = `${foldedName} ${fold(beside)}`;
  if (!words.every((word) => all.includes(word))) return undefined;
  const whole = words.join(' ');
  if (foldedName.startsWith(whole)) return 0;
  if (foldedName.split(/[\s.,\-_/]+/).some((part) => part.startsWith(words[0] ?? ''))) return 1;
  return foldedName.includes(words[0] ?? '') ? 2 : 3;
}

/** Without accents and case: "zurich" finds "Zürich". */
export const fold = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
