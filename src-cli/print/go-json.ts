/** JSON text as the official client prints it: indented, map keys sorted, `<`, `>` and `&` escaped. */
import { stringifyJson } from '#shared/wire/json.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};
const escapeHtml = (text: string): string =>
  text.replace(/[<>&\u2028\u2029]/g, (char) => ESCAPES[char] ?? char);

/** JavaScript puts integer-like keys first and in order of size; other writers sort map keys as text. */
function entriesOf(value: object): (readonly [string, unknown])[] {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  const isNumbered = entries.length > 1 && entries.every(([key]) => /^\d+$/.test(key));
  return isNumbered ? entries.sort(([a], [b]) => (a < b ? -1 : 1)) : entries;
}

/** `prefix` begins every line but the first; `indent` is one step. */
export function goJson(value: unknown, indent: string, prefix = ''): string {
  if (typeof value !== 'object' || value === null) return escapeHtml(stringifyJson(value ?? null));
  const inner = prefix + indent;
  const items = Array.isArray(value)
    ? value.map((item) => goJson(item, indent, inner))
    : entriesOf(value).map(
        ([key, item]) => `${escapeHtml(JSON.stringify(key))}: ${goJson(item, indent, inner)}`,
      );
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return items.length === 0
    ? `${open}${close}`
    : `${open}\n${inner}${items.join(`,\n${inner}`)}\n${prefix}${close}`;
}
