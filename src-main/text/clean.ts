/** Names that others chose, fit for a menu or a notification: no control or direction characters, no more than fits. */

// Control characters, and those that turn the direction of what follows (UAX 9) or show as nothing.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu;

export const shownName = (text: string, longest = 40): string =>
  cutMiddle(text.replaceAll(UNSEEN, '').trim(), longest);

/**
 * Of a notice. Linux desktops take what is between < and > for markup, with links and pictures in it, and not all of them
 * know an escape for it.
 */
export const shownText = (text: string, longest: number): string =>
  text
    .split('\n')
    .map((line) => shownName(line, longest))
    .filter((line) => line !== '')
    .join('\n')
    .slice(0, longest * 2)
    .replaceAll('<', '‹')
    .replaceAll('>', '›');

/** The end of a name often tells as much as its beginning. */
function cutMiddle(text: string, longest: number): string {
  const letters = [...text];
  if (letters.length <= longest) return text;
  const head = Math.ceil((longest - 1) / 2);
  return `${letters.slice(0, head).join('')}…${letters.slice(letters.length - (longest - 1 - head)).join('')}`;
}

/** In a menu `&` marks the key of an entry. */
export const menuText = (text: string): string => text.replaceAll('&', '&&');
