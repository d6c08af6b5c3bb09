/** How policy text is coloured, folded, and completed: JSON with comments and trailing commas. */
import type { CompletionSource } from '@codemirror/autocomplete';
import { HighlightStyle, StreamLanguage, type StringStream, syntaxHighlighting } from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { tags } from '@lezer/highlight';

interface State {
  isInComment: boolean;
}

function token(stream: StringStream, state: State): string | null {
  if (state.isInComment) {
    if (stream.skipTo('*/')) {
      stream.match('*/');
      state.isInComment = false;
    } else stream.skipToEnd();
    return 'comment';
  }
  if (stream.eatSpace()) return null;
  if (stream.match('//')) {
    stream.skipToEnd();
    return 'comment';
  }
  if (stream.match('/*')) {
    state.isInComment = true;
    return 'comment';
  }
  if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return stream.match(/^\s*:/, false) ? 'propertyName' : 'string';
  if (stream.match(/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/)) return 'number';
  if (stream.match(/^(?:true|false|null)\b/)) return 'bool';
  if (stream.match(/^[{}[\],:]/)) return 'punctuation';
  stream.next();
  return 'invalid';
}

const language = StreamLanguage.define<State>({
  name: 'hujson',
  startState: () => ({ isInComment: false }),
  token,
  languageData: {
    commentTokens: { line: '//', block: { open: '/*', close: '*/' } },
    closeBrackets: { brackets: ['(', '[', '{', '"'] },
  },
});

const colours = HighlightStyle.define([
  { tag: tags.comment, color: 'var(--code-comment)', fontStyle: 'italic' },
  { tag: tags.propertyName, color: 'var(--code-name)' },
  { tag: tags.string, color: 'var(--code-string)' },
  { tag: tags.number, color: 'var(--code-number)' },
  { tag: tags.bool, color: 'var(--code-number)' },
  { tag: tags.punctuation, color: 'var(--soft)' },
  { tag: tags.invalid, color: 'var(--bad)' },
]);

export const hujson: Extension = [language, syntaxHighlighting(colours)];

export interface Word {
  readonly text: string;
  /** What it is, such as "tag" or "user". */
  readonly kind: string;
}

/** Offers words inside of strings: what one types between two quotation marks. */
export function wordsInStrings(words: readonly Word[]): CompletionSource {
  const options = words.map(({ text, kind }) => ({ label: text, detail: kind, type: 'constant' }));
  return (context) => {
    const before = context.matchBefore(/"[^"\n]*/);
    if (before === null) return null;
    const line = context.state.doc.lineAt(context.pos);
    const quotes = (line.text.slice(0, context.pos - line.from).match(/(?<!\\)"/g) ?? []).length;
    if (quotes % 2 === 0) return null;
    return { from: before.from + 1, options, validFor: /^[^"\n]*$/ };
  };
}
