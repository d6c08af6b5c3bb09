/** JSON as the ecosystem writes it: integers beyond 2^53 survive as bigint in both directions. */

interface ParseContext {
  readonly source?: string;
}
type Reviver = (key: string, value: unknown, context: ParseContext) => unknown;
interface RawJson {
  parse(text: string, reviver: Reviver): unknown;
  rawJSON(text: string): unknown;
}
// Both are in Node 24 (TC39 "JSON.parse source text access"); the TypeScript library does not name them yet.
const json = JSON as unknown as RawJson;

// 20 digits hold every 64-bit integer. Strangers write longer ones, and a million digits take a tenth of a second to convert.
const revive: Reviver = (_key, value, context) =>
  typeof value === 'number' &&
  !Number.isSafeInteger(value) &&
  context.source !== undefined &&
  /^-?\d{1,20}$/.test(context.source)
    ? BigInt(context.source)
    : value;

/** Throws SyntaxError on bad JSON. Integers outside the safe range become bigint. */
export function parseJson(text: string): unknown {
  // The reviver costs a call per value; only texts with a run of 16 digits can need it.
  return /\d{16}/.test(text) ? json.parse(text, revive) : JSON.parse(text);
}

export function stringifyJson(value: unknown, indent?: string): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === 'bigint' ? json.rawJSON(item.toString()) : item),
    indent,
  );
}

/**
 * The same text as `stringifyJson`, several times as fast for a small value: a replacer would be called for everything
 * within it.
 */
export function jsonText(value: unknown): string {
  switch (typeof value) {
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null';
    case 'string':
      return JSON.stringify(value);
    default:
      break;
  }
  if (value === null) return 'null';
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof TypeError) return stringifyJson(value); // a big integer somewhere within
    throw error;
  }
}
