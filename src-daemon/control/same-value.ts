/** Deep equality of parsed JSON: objects, lists, maps and scalars; an undefined member equals an absent one. */

export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && sameList(a, b);
  if (isMap(a) || isMap(b)) return isMap(a) && isMap(b) && sameMap(a, b);
  return sameObject(a as Members, b as Members);
}

type Members = Readonly<Record<string, unknown>>;

/** Also maps that are not made by `Map` itself. */
const isMap = (value: object): value is ReadonlyMap<unknown, unknown> =>
  'size' in value && 'entries' in value && typeof value.entries === 'function';

const sameList = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, i) => sameValue(item, b[i]));

function sameMap(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a.entries()) if (!b.has(key) || !sameValue(value, b.get(key))) return false;
  return true;
}

function sameObject(a: Members, b: Members): boolean {
  for (const key of Object.keys(a)) if (!sameValue(a[key], b[key])) return false;
  for (const key of Object.keys(b)) if (b[key] !== undefined && !Object.hasOwn(a, key)) return false;
  return true;
}
