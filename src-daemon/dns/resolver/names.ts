/** Names in messages: into lower-case text and back, without ever trusting a length or a pointer. */
import { MAX_NAME_BYTES } from './wire.ts';

const DOT = 0x2e;
/** A length that no label has: the message ends before the name. */
const BROKEN = 64;
const scratch = Buffer.alloc(MAX_NAME_BYTES + 1);

/** Where a name has been read up to, and what it says in lower case, without final dot. */
export interface ReadName {
  readonly name: string;
  readonly end: number;
}

/** The byte after an uncompressed name; -1 when it isn't one. Questions are never compressed: nothing stands before them. */
export function endOfPlainName(message: Uint8Array, from: number): number {
  for (let at = from; at < message.length && at - from < MAX_NAME_BYTES; ) {
    const length = message[at] as number;
    if (length === 0) return at + 1;
    if (length > 63) return -1;
    at += 1 + length;
  }
  return -1;
}

/**
 * The text of the plain name between `from` and `end` (as endOfPlainName gives it). A label with a dot inside has no text that
 * could not be mistaken for another name: undefined.
 */
export function textOfPlainName(message: Uint8Array, from: number, end: number): string | undefined {
  let size = 0;
  for (let at = from; at < end - 1; ) {
    const next = at + 1 + (message[at] as number);
    if (size > 0) scratch[size++] = DOT;
    for (at++; at < next; at++) {
      const byte = message[at] as number;
      if (byte === DOT) return undefined;
      scratch[size++] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    }
  }
  return scratch.toString('latin1', 0, size);
}

/** The byte after a name that may be compressed; -1 when it runs out of the message. Does not follow pointers. */
export function skipName(message: Uint8Array, from: number): number {
  let at = from;
  while (at < message.length && at - from <= MAX_NAME_BYTES) {
    const length = message[at] as number;
    if (length === 0) return at + 1;
    if ((length & 0xc0) === 0xc0) return at + 2 <= message.length ? at + 2 : -1;
    if (length > 63) return -1;
    at += 1 + length;
  }
  return -1;
}

/** Reads a name that may be compressed. Each pointer must lead further back than all before it, so there are no loops. */
export function readName(message: Uint8Array, from: number): ReadName | undefined {
  let end = -1;
  let limit = from;
  let size = 0;
  for (let at = from; ; ) {
    const length = message[at] ?? BROKEN;
    if (length === 0) return { name: scratch.toString('latin1', 0, size), end: end < 0 ? at + 1 : end };
    if (length >= 0xc0) {
      if (end < 0) end = at + 2;
      at = ((length & 0x3f) << 8) | (message[at + 1] ?? 0xff);
      // A pointer that is cut off leads nowhere.
      if (at >= limit || end > message.length) return undefined;
      limit = at;
      continue;
    }
    const next = at + 1 + length;
    // The dots of the text take the places of the lengths.
    if (length > 63 || next > message.length || size + 1 + length > MAX_NAME_BYTES - 1) return undefined;
    size = appendLabel(message, at + 1, next, size);
    at = next;
  }
}

function appendLabel(message: Uint8Array, from: number, to: number, size: number): number {
  let end = size;
  if (end > 0) scratch[end++] = DOT;
  for (let at = from; at < to; at++) {
    const byte = message[at] as number;
    scratch[end++] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
  }
  return end;
}

/** Wire form of a name given as text; undefined when no name can be that. */
export function encodeName(name: string): Uint8Array | undefined {
  const text = name.endsWith('.') ? name.slice(0, -1) : name;
  if (text === '') return new Uint8Array(1);
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length + 2 > MAX_NAME_BYTES || bytes.toString('latin1') !== text) return undefined;
  const out = new Uint8Array(bytes.length + 2);
  out.set(bytes, 1);
  let start = 0;
  for (let at = 1; at <= bytes.length + 1; at++) {
    if (at <= bytes.length && bytes[at - 1] !== DOT) continue;
    const length = at - start - 1;
    if (length === 0 || length > 63) return undefined;
    out[start] = length;
    start = at;
  }
  out[start] = 0;
  return out;
}

/** Lower case, without final dot: how names are written in configurations of ours. */
export const canonical = (name: string): string => name.toLowerCase().replace(/\.$/, '');

/** Whether `name` is `suffix` or below it; the empty suffix holds everything. */
export function isWithin(name: string, suffix: string): boolean {
  if (suffix === '') return true;
  if (!name.endsWith(suffix)) return false;
  return name.length === suffix.length || name.charCodeAt(name.length - suffix.length - 1) === DOT;
}

/** The name and everything above it, longest first, without the root. */
export function* upwards(name: string): Generator<string> {
  for (let at = 0; at < name.length; ) {
    yield name.slice(at);
    const dot = name.indexOf('.', at);
    if (dot < 0) return;
    at = dot + 1;
  }
}
