/** Bytes to D-Bus values, in either byte order; what does not fit gives undefined (D-Bus specification, "Marshaling"). */
import { alignmentOf, type Basic, parseSignature, type Type, type Value } from './values.ts';

/** "Valid Signatures": arrays and structs, counted through variants. */
const MAX_DEPTH = 64;

export interface Decoded {
  readonly values: readonly Value[];
  /** Where the bytes of the values end. */
  readonly end: number;
}

/** The values of a signature from the start of `bytes`, which counts as aligned. */
export function decode(signature: string, bytes: Uint8Array, isLittleEndian: boolean): Decoded | undefined {
  const types = parseSignature(signature);
  if (types === undefined) return undefined;
  const reader = new Reader(bytes, isLittleEndian);
  const values: Value[] = [];
  for (const type of types) {
    const value = read(reader, type, 0);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return { values, end: reader.at };
}

function read(reader: Reader, type: Type, depth: number): Value | undefined {
  if (depth > MAX_DEPTH) return undefined;
  switch (type.kind) {
    case 'basic':
      return readBasic(reader, type.code);
    case 'variant': {
      const signature = readBasic(reader, 'g');
      if (typeof signature !== 'string') return undefined;
      const [inner, ...more] = parseSignature(signature) ?? [];
      if (inner === undefined || more.length > 0) return undefined;
      const value = read(reader, inner, depth + 1);
      return value === undefined ? undefined : { signature, value };
    }
    case 'array':
      return readArray(reader, type.of, depth + 1);
    case 'struct': {
      reader.align(8);
      const fields: Value[] = [];
      for (const field of type.fields) {
        const value = read(reader, field, depth + 1);
        if (value === undefined) return undefined;
        fields.push(value);
      }
      return fields;
    }
    case 'dict':
      return readDict(reader, type, depth + 1);
    default:
      return type satisfies never;
  }
}

function readArray(reader: Reader, itemType: Type, depth: number): Value | undefined {
  const end = reader.arrayEnd(alignmentOf(itemType));
  if (end === undefined) return undefined;
  if (itemType.kind === 'basic' && itemType.code === 'y') return reader.copy(end - reader.at);
  const items: Value[] = [];
  // No type is empty, so this ends.
  while (reader.at < end) {
    const item = read(reader, itemType, depth);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return reader.at === end ? items : undefined;
}

function readDict(
  reader: Reader,
  { key, value }: Extract<Type, { kind: 'dict' }>,
  depth: number,
): Value | undefined {
  const end = reader.arrayEnd(8);
  if (end === undefined) return undefined;
  const entries = new Map<Value, Value>();
  while (reader.at < end) {
    reader.align(8);
    const name = readBasic(reader, key);
    const entry = name === undefined ? undefined : read(reader, value, depth + 1);
    if (name === undefined || entry === undefined) return undefined;
    entries.set(name, entry);
  }
  return reader.at === end ? entries : undefined;
}

function readBasic(reader: Reader, code: Basic): Value | undefined {
  const little = reader.isLittleEndian;
  switch (code) {
    case 'y':
      return reader.number(1)?.getUint8(0);
    case 'n':
      return reader.number(2)?.getInt16(0, little);
    case 'q':
      return reader.number(2)?.getUint16(0, little);
    case 'i':
      return reader.number(4)?.getInt32(0, little);
    case 'u':
      return reader.number(4)?.getUint32(0, little);
    case 'd':
      return reader.number(8)?.getFloat64(0, little);
    case 'x':
      return reader.number(8)?.getBigInt64(0, little);
    case 't':
      return reader.number(8)?.getBigUint64(0, little);
    case 'b': {
      const value = reader.number(4)?.getUint32(0, little);
      return value === 0 || value === 1 ? value === 1 : undefined;
    }
    case 's':
    case 'o':
      return reader.text(reader.number(4)?.getUint32(0, little));
    case 'g':
      return reader.text(reader.number(1)?.getUint8(0));
    default:
      return code satisfies never;
  }
}

const text = new TextDecoder('utf-8', { fatal: true });

class Reader {
  readonly isLittleEndian: boolean;
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, isLittleEndian: boolean) {
    this.#bytes = bytes;
    this.isLittleEndian = isLittleEndian;
  }

  align(to: number): void {
    this.at = Math.ceil(this.at / to) * to;
  }

  raw(length: number): Uint8Array | undefined {
    const end = this.at + length;
    if (end > this.#bytes.length) return undefined;
    const found = this.#bytes.subarray(this.at, end);
    this.at = end;
    return found;
  }

  copy(length: number): Uint8Array | undefined {
    const found = this.raw(length);
    return found && Uint8Array.from(found);
  }

  number(bytes: number): DataView | undefined {
    this.align(bytes);
    const found = this.raw(bytes);
    return found && new DataView(found.buffer, found.byteOffset, bytes);
  }

  /** Ends with a zero that does not count. */
  text(length: number | undefined): string | undefined {
    const bytes = length === undefined ? undefined : this.raw(length);
    if (bytes === undefined || this.raw(1)?.[0] !== 0) return undefined;
    try {
      return text.decode(bytes);
    } catch {
      return undefined;
    }
  }

  arrayEnd(alignment: number): number | undefined {
    const length = this.number(4)?.getUint32(0, this.isLittleEndian);
    if (length === undefined) return undefined;
    this.align(alignment);
    const end = this.at + length;
    return end <= this.#bytes.length ? end : undefined;
  }
}
