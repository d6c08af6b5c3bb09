/** Removes key material from log fields by shape, as the last guard before the writer. */

const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/privkey:[0-9a-fA-F]{8,}/g, 'privkey:…'],
  [/nlpriv:[0-9a-fA-F]{8,}/g, 'nlpriv:…'],
  [/\b((?:tskey|hskey|rhkey)-[a-z]+)-[A-Za-z0-9_-]+/g, '$1-…'],
];

export function redactText(text: string): string {
  let out = text;
  for (const [shape, replacement] of SECRETS) out = out.replace(shape, replacement);
  return out;
}

const MAX_DEPTH = 6;

/** A copy with every string redacted, byte arrays replaced by their length, errors reduced to their message. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Error) return redactText(value.message);
  if (depth >= MAX_DEPTH) return '…';
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redact(item, depth + 1)]));
}
