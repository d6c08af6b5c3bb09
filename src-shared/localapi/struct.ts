/** Emission rules of Go's encoding/json as small functions, and an encoder that applies one to each field (§0.1). */
import { type NodeKey, ZERO_NODE_KEY } from '../key/key.ts';
import { jsonText } from '../wire/json.ts';
import { formatTime, ZERO_TIME } from '../wire/scalars.ts';

/** Turns one field into JSON: null is written, undefined drops the field. */
export type Emit<T> = (value: T) => unknown;

/** One rule per field, in the order in which the fields are written. */
export type Fields<T> = { readonly [K in keyof T]-?: Emit<T[K]> };

export function encodeFields<T extends object>(fields: Fields<T>, value: T): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const name of Object.keys(fields) as (keyof T & string)[]) {
    const emitted = fields[name](value[name]);
    if (emitted !== undefined) out[name] = emitted;
  }
  return out;
}

/** Names of the fields of each table, with the text that begins each of them; made once. */
const heads = new WeakMap<object, readonly (readonly [name: string, head: string])[]>();

function headsOf(fields: object): readonly (readonly [name: string, head: string])[] {
  const known = heads.get(fields);
  if (known !== undefined) return known;
  const made = Object.keys(fields).map((name) => [name, `${JSON.stringify(name)}:`] as const);
  heads.set(fields, made);
  return made;
}

/** The JSON text of what `encodeFields` makes, without making it: for lists of thousands. */
export function fieldsText<T extends object>(fields: Fields<T>, value: T): string {
  let text = '';
  for (const [name, head] of headsOf(fields)) {
    const key = name as keyof T;
    const emitted = fields[key](value[key]);
    if (emitted !== undefined) text += `${text === '' ? '' : ','}${head}${jsonText(emitted)}`;
  }
  return `{${text}}`;
}

const isZero = (value: unknown): boolean =>
  value === undefined || value === null || value === false || value === 0 || value === 0n || value === '';

/** No omit rule: a missing slice, map or pointer is null. */
export const keep = (value: unknown): unknown => value ?? null;

/** `omitempty`: drops zero values, empty slices and empty maps. */
export function omitEmpty(value: unknown): unknown {
  if (isZero(value)) return undefined;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0 ? undefined : value;
}

/** `omitzero`: drops zero values, keeps empty slices that are there. */
export const omitZero = (value: unknown): unknown => (isZero(value) ? undefined : value);

/** A pointer or interface with `omitempty`/`omitzero`: dropped only when missing. */
export const omitMissing = (value: unknown): unknown => value;

/** `time.Time` without an omit rule: an unknown time is Go's zero time, never null; no needless zeros. */
export function goTime(ms: number | undefined): string {
  if (ms === undefined) return ZERO_TIME;
  const text = formatTime(ms);
  // Most are whole seconds, and a status of thousands of machines has tens of thousands of times.
  if (text.endsWith('.000Z')) return `${text.slice(0, -5)}Z`;
  return text.replace(/0+Z$/, 'Z');
}

/** `time.Time` with `omitzero`, or `*time.Time` with `omitempty`. */
export const goTimeOrOmit = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : goTime(ms);

/** A node key without an omit rule: an unknown key is written as zeros. */
export const nodeKeyText = (key: NodeKey | undefined): string => key ?? ZERO_NODE_KEY;

/** Applies an encoder to a value that may be missing; missing is null. */
export const orNull =
  <T>(encode: (value: T) => unknown): Emit<T | undefined> =>
  (value) =>
    value === undefined ? null : encode(value);

/** Applies an encoder to a value that may be missing; missing drops the field. */
export const orOmit =
  <T>(encode: (value: T) => unknown): Emit<T | undefined> =>
  (value) =>
    value === undefined ? undefined : encode(value);

/** Applies an encoder to every value of a map. */
export const mapValues =
  <T>(encode: (value: T) => unknown) =>
  (map: Readonly<Record<string, T>>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(map).map(([key, value]) => [key, encode(value)]));
