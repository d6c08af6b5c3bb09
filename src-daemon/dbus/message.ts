/** D-Bus messages: the header in front of the values, and where one ends in a stream (D-Bus specification, "Message Format"). */
import { decode } from './decode.ts';
import { encode } from './encode.ts';
import { isList, isVariant, type Value, type Variant, variant } from './values.ts';

export const MessageType = { call: 1, reply: 2, error: 3, signal: 4 } as const;

/** Header fields by number. */
const FIELDS = {
  path: { code: 1, signature: 'o' },
  interface: { code: 2, signature: 's' },
  member: { code: 3, signature: 's' },
  errorName: { code: 4, signature: 's' },
  replySerial: { code: 5, signature: 'u' },
  destination: { code: 6, signature: 's' },
  sender: { code: 7, signature: 's' },
  signature: { code: 8, signature: 'g' },
} as const;

export interface Message {
  readonly type: number;
  readonly serial: number;
  readonly path?: string | undefined;
  readonly interface?: string | undefined;
  readonly member?: string | undefined;
  readonly errorName?: string | undefined;
  readonly replySerial?: number | undefined;
  readonly destination?: string | undefined;
  readonly sender?: string | undefined;
  readonly signature?: string | undefined;
  readonly body: readonly Value[];
}

/** Endianness, type, flags, version, length of the body, serial, length of the header fields. */
const FIXED_BYTES = 16;
const LITTLE_ENDIAN = 0x6c;
const BIG_ENDIAN = 0x42;
const VERSION = 1;
/** A hundredth of what the specification allows, and a hundred times what those whom we ask say. */
const MAX_MESSAGE: number = 4 * 1_024 * 1_024;

const align8 = (length: number): number => Math.ceil(length / 8) * 8;

export function encodeMessage(message: Message): Uint8Array {
  const body = encode(message.signature ?? '', message.body);
  const fields: [number, Variant][] = [];
  for (const [name, { code, signature }] of Object.entries(FIELDS)) {
    const value = message[name as keyof typeof FIELDS];
    if (value !== undefined && value !== '') fields.push([code, variant(signature, value)]);
  }
  const header = encode('yyyyuua(yv)', [
    LITTLE_ENDIAN,
    message.type,
    0,
    VERSION,
    body.length,
    message.serial,
    fields,
  ]);
  const bytes = new Uint8Array(align8(header.length) + body.length);
  bytes.set(header);
  bytes.set(body, align8(header.length));
  return bytes;
}

/** Length of the message that `bytes` begins with: 0 = more is needed to tell, undefined = it is none, or too large. */
export function messageLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < FIXED_BYTES) return 0;
  const [order, , , version] = bytes;
  if ((order !== LITTLE_ENDIAN && order !== BIG_ENDIAN) || version !== VERSION) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, FIXED_BYTES);
  const little = order === LITTLE_ENDIAN;
  const length = align8(FIXED_BYTES + view.getUint32(12, little)) + view.getUint32(4, little);
  return length > 0 && length <= MAX_MESSAGE ? length : undefined;
}

/** One whole message; undefined when it is malformed. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  const little = bytes[0] === LITTLE_ENDIAN;
  const header = decode('yyyyuua(yv)', bytes, little);
  if (header === undefined) return undefined;
  const [, type, , , , serial, list] = header.values;
  if (typeof type !== 'number' || typeof serial !== 'number' || !isList(list)) return undefined;
  const known = new Map<number, Value>();
  for (const field of list) {
    const [code, value] = isList(field) ? field : [];
    if (typeof code === 'number' && isVariant(value)) known.set(code, value.value);
  }
  const text = (name: keyof typeof FIELDS): string | undefined => {
    const value = known.get(FIELDS[name].code);
    return typeof value === 'string' ? value : undefined;
  };
  const replySerial = known.get(FIELDS.replySerial.code);
  const signature = text('signature') ?? '';
  const body = decode(signature, bytes.subarray(align8(header.end)), little);
  if (body === undefined) return undefined;
  return {
    type,
    serial,
    path: text('path'),
    interface: text('interface'),
    member: text('member'),
    errorName: text('errorName'),
    replySerial: typeof replySerial === 'number' ? replySerial : undefined,
    destination: text('destination'),
    sender: text('sender'),
    signature,
    body: body.values,
  };
}
