/** Text from the network (names, tags, health texts, addresses): shown as text alone, without what turns lines around, and cut. */

// Unicode 16 §23.2 and UAX 9: directional marks, embeddings, overrides and isolates; and what is invisible or moves.
const INVISIBLE =
  /[\p{Cc}\p{Zl}\p{Zp}\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

const DEFAULT_MAX = 120;

/** For texts that go where no element can: names for screen readers, toasts, titles. */
export function cut(text: string, max = DEFAULT_MAX): string {
  const clean = text.replace(INVISIBLE, (one) => (one === '\n' || one === '\t' ? ' ' : ''));
  const letters = [...clean.slice(0, max * 4)];
  return letters.length > max || clean.length > max * 4 ? `${letters.slice(0, max).join('')}…` : clean;
}

export function Foreign({
  text,
  max = DEFAULT_MAX,
}: {
  readonly text: string;
  readonly max?: number;
}): React.JSX.Element {
  return <bdi className="foreign">{cut(text, max)}</bdi>;
}
