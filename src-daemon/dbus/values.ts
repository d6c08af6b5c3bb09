/** D-Bus values and the signatures that name their types (D-Bus specification, "Type System"). */

/**
 * By type: y n q i u d number · x t bigint · b boolean · s o g string · `ay` bytes · other arrays and structs a list ·
 * dictionaries a map · v a variant.
 */
export type Value = number | bigint | string | boolean | Uint8Array | readonly Value[] | Dict | Variant;

export type Dict = ReadonlyMap<Value, Value>;

/** A value that brings its own type. */
export interface Variant {
  readonly signature: string;
  readonly value: Value;
}

export const variant = (signature: string, value: Value): Variant => ({ signature, value });

export const isVariant = (value: Value | undefined): value is Variant =>
  typeof value === 'object' && 'signature' in value && 'value' in value;

export const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value);

const BASIC = 'ybnqiuxtdsog';
export type Basic = 'y' | 'b' | 'n' | 'q' | 'i' | 'u' | 'x' | 't' | 'd' | 's' | 'o' | 'g';

export type Type =
  | { readonly kind: 'basic'; readonly code: Basic }
  | { readonly kind: 'variant' }
  | { readonly kind: 'array'; readonly of: Type }
  | { readonly kind: 'struct'; readonly fields: readonly Type[] }
  | { readonly kind: 'dict'; readonly key: Basic; readonly value: Type };

/** "Valid Signatures": of each kind of nesting. */
const MAX_NESTING = 32;
const MAX_SIGNATURE = 255;

/** The complete types of a signature in their order; undefined when it is none. */
export function parseSignature(text: string): readonly Type[] | undefined {
  if (text.length > MAX_SIGNATURE) return undefined;
  const types: Type[] = [];
  let at = 0;
  while (at < text.length) {
    const read = parseType(text, at, 0, 0);
    if (read === undefined) return undefined;
    types.push(read.type);
    at = read.end;
  }
  return types;
}

interface Read {
  readonly type: Type;
  readonly end: number;
}

function parseType(text: string, at: number, arrays: number, structs: number): Read | undefined {
  if (arrays > MAX_NESTING || structs > MAX_NESTING) return undefined;
  const code = text[at];
  if (code === undefined) return undefined;
  if (isBasic(code)) return { type: { kind: 'basic', code }, end: at + 1 };
  if (code === 'v') return { type: { kind: 'variant' }, end: at + 1 };
  if (code === '(') return parseStruct(text, at + 1, arrays, structs + 1);
  if (code !== 'a') return undefined;
  if (text[at + 1] === '{') return parseDict(text, at + 2, arrays + 1, structs + 1);
  const of = parseType(text, at + 1, arrays + 1, structs);
  return of && { type: { kind: 'array', of: of.type }, end: of.end };
}

function parseStruct(text: string, from: number, arrays: number, structs: number): Read | undefined {
  const fields: Type[] = [];
  let at = from;
  while (text[at] !== ')') {
    const field = parseType(text, at, arrays, structs);
    if (field === undefined) return undefined;
    fields.push(field.type);
    at = field.end;
  }
  return fields.length === 0 ? undefined : { type: { kind: 'struct', fields }, end: at + 1 };
}

function parseDict(text: string, at: number, arrays: number, structs: number): Read | undefined {
  const key = text[at];
  if (key === undefined || !isBasic(key)) return undefined;
  const value = parseType(text, at + 1, arrays, structs);
  if (value === undefined || text[value.end] !== '}') return undefined;
  return { type: { kind: 'dict', key, value: value.type }, end: value.end + 1 };
}

const isBasic = (code: string): code is Basic => code.length === 1 && BASIC.includes(code);

export function alignmentOf(type: Type): number {
  switch (type.kind) {
    case 'basic':
      return ALIGNMENT[type.code];
    case 'variant':
      return 1;
    case 'array':
    case 'dict':
      return 4;
    case 'struct':
      return 8;
    default:
      return type satisfies never;
  }
}

const ALIGNMENT: Readonly<Record<Basic, number>> = {
  y: 1,
  b: 4,
  n: 2,
  q: 2,
  i: 4,
  u: 4,
  x: 8,
  t: 8,
  d: 8,
  s: 4,
  o: 4,
  g: 1,
};
