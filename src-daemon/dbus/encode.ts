/** D-Bus values to bytes, low byte first (D-Bus specification, "Marshaling"). */
import { utf8 } from '#shared/bytes/bytes.ts';
import { RhumbError } from '#shared/errors.ts';
import {
  alignmentOf,
  type Basic,
  type Dict,
  isList,
  isVariant,
  parseSignature,
  type Type,
  type Value,
} from './values.ts';

/** The values of a signature, one for each complete type; wrong values are bugs of ours and throw. */
export function encode(signature: string, values: readonly Value[]): Uint8Array {
  const types = typesOf(signature);
  if (types.length !== values.length) throw wrong(signature, values);
  const writer = new Writer();
  for (const [i, type] of types.entries()) write(writer, type, values[i]);
  return writer.bytes();
}

function typesOf(signature: string): readonly Type[] {
  const types = parseSignature(signature);
  if (types === undefined) throw new RhumbError('internal', `no D-Bus signature: ${signature}`);
  return types;
}

function write(writer: Writer, shape: Type, value: Value | undefined): void {
  switch (shape.kind) {
    case 'basic':
      writeBasic(writer, shape.code, value);
      return;
    case 'variant': {
      if (!isVariant(value)) throw wrong('v', value);
      const [inner, ...more] = typesOf(value.signature);
      if (inner === undefined || more.length > 0) throw wrong('v', value);
      writeBasic(writer, 'g', value.signature);
      write(writer, inner, value.value);
      return;
    }
    case 'array':
      writeArray(writer, shape.of, value);
      return;
    case 'struct': {
      if (!isList(value) || value.length !== shape.fields.length) throw wrong('()', value);
      writer.align(8);
      for (const [i, field] of shape.fields.entries()) write(writer, field, value[i]);
      return;
    }
    case 'dict': {
      if (!(value instanceof Map)) throw wrong('a{}', value);
      writer.array(8, () => {
        for (const [key, entry] of value as Dict) {
          writer.align(8);
          writeBasic(writer, shape.key, key);
          write(writer, shape.value, entry);
        }
      });
      return;
    }
    default:
      shape satisfies never;
  }
}

function writeArray(writer: Writer, itemType: Type, value: Value | undefined): void {
  if (itemType.kind === 'basic' && itemType.code === 'y') {
    if (!(value instanceof Uint8Array)) throw wrong('ay', value);
    writer.array(1, () => writer.raw(value));
    return;
  }
  if (!isList(value)) throw wrong('a', value);
  writer.array(alignmentOf(itemType), () => {
    for (const item of value) write(writer, itemType, item);
  });
}

const INTEGERS = {
  y: { bytes: 1, put: (view: DataView, value: number) => view.setUint8(0, value) },
  n: { bytes: 2, put: (view: DataView, value: number) => view.setInt16(0, value, true) },
  q: { bytes: 2, put: (view: DataView, value: number) => view.setUint16(0, value, true) },
  i: { bytes: 4, put: (view: DataView, value: number) => view.setInt32(0, value, true) },
  u: { bytes: 4, put: (view: DataView, value: number) => view.setUint32(0, value, true) },
  d: { bytes: 8, put: (view: DataView, value: number) => view.setFloat64(0, value, true) },
} as const;

function writeBasic(writer: Writer, code: Basic, value: Value | undefined): void {
  switch (code) {
    case 'y':
    case 'n':
    case 'q':
    case 'i':
    case 'u':
    case 'd': {
      if (typeof value !== 'number') throw wrong(code, value);
      const { bytes, put } = INTEGERS[code];
      writer.number(bytes, (view) => put(view, value));
      return;
    }
    case 'x':
    case 't':
      if (typeof value !== 'bigint') throw wrong(code, value);
      writer.number(8, (view) => view.setBigInt64(0, BigInt.asIntN(64, value), true));
      return;
    case 'b':
      if (typeof value !== 'boolean') throw wrong(code, value);
      writer.number(4, (view) => view.setUint32(0, value ? 1 : 0, true));
      return;
    case 's':
    case 'o':
    case 'g': {
      if (typeof value !== 'string' || value.includes('\0')) throw wrong(code, value);
      const bytes = utf8(value);
      if (code === 'g') writer.number(1, (view) => view.setUint8(0, bytes.length));
      else writer.number(4, (view) => view.setUint32(0, bytes.length, true));
      writer.raw(bytes);
      writer.raw(Uint8Array.of(0));
      return;
    }
    default:
      code satisfies never;
  }
}

const wrong = (signature: string, value: unknown): RhumbError =>
  new RhumbError('internal', `not a D-Bus value of type ${signature}: ${typeof value}`);

class Writer {
  #buffer: Uint8Array = new Uint8Array(256);
  #length = 0;

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  /** The gap is zero. */
  align(to: number): void {
    this.#room(Math.ceil(this.#length / to) * to - this.#length);
  }

  number(bytes: number, put: (view: DataView) => void): void {
    this.align(bytes);
    const at = this.#room(bytes);
    put(new DataView(this.#buffer.buffer, at, bytes));
  }

  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    this.#buffer.set(bytes, at);
  }

  /** The length counts from the first item, not from the gap before it. */
  array(alignment: number, items: () => void): void {
    this.align(4);
    const lengthAt = this.#room(4);
    this.align(alignment);
    const from = this.#length;
    items();
    new DataView(this.#buffer.buffer).setUint32(lengthAt, this.#length - from, true);
  }

  #room(bytes: number): number {
    const at = this.#length;
    const need = at + bytes;
    if (need > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(need, this.#buffer.length * 2));
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    this.#length = need;
    return at;
  }
}
