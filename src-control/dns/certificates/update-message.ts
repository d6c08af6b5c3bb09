/** DNS UPDATE messages with a TSIG, as bytes (RFC 2136 §3.4, RFC 8945): a codec of its own, for classes and digests that others leave out. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { RhumbError } from '#shared/errors.ts';
import type { UpdateKey } from './settings.ts';

export interface TxtChange {
  readonly kind: 'add' | 'remove';
  readonly name: string;
  readonly value: string;
  readonly ttlSeconds: number;
}

export interface Signed {
  readonly bytes: Buffer;
  /** The answer's signature covers it. */
  readonly mac: Buffer;
}

const TYPE = { SOA: 6, TXT: 16, TSIG: 250 } as const;
const CLASS = { IN: 1, NONE: 254, ANY: 255 } as const;
const OPCODE_UPDATE = 5;
const HEADER = 12;
const FUDGE_SECONDS = 300;
const MAX_STRING = 255;

const u16 = (...values: readonly number[]): Buffer => {
  const out = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) out.writeUInt16BE(value, index * 2);
  return out;
};
const u32 = (value: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
};
/** Seconds since 1970 in six bytes. */
const u48 = (value: number): Buffer => {
  const out = Buffer.alloc(6);
  out.writeUIntBE(value, 0, 6);
  return out;
};

/** Uncompressed and in lower case, as digests want it; the name is canonical. */
const wireName = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')])),
    Buffer.of(0),
  ]);

function txtData(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += MAX_STRING) {
    const part = bytes.subarray(at, at + MAX_STRING);
    parts.push(Buffer.of(part.length), part);
  }
  return Buffer.concat(parts);
}

/** One change of one TXT record, signed. */
export function updateMessage(
  zone: string,
  change: TxtChange,
  key: UpdateKey,
  id: number,
  nowMs: number,
): Signed {
  const data = txtData(change.value);
  const isAdd = change.kind === 'add';
  const message = Buffer.concat([
    u16(id, OPCODE_UPDATE << 11, 1, 0, 1, 0),
    wireName(zone),
    u16(TYPE.SOA, CLASS.IN),
    wireName(change.name),
    // Class NONE takes this one record away and no other of the name (RFC 2136 §2.5.4).
    u16(TYPE.TXT, isAdd ? CLASS.IN : CLASS.NONE),
    u32(isAdd ? change.ttlSeconds : 0),
    u16(data.length),
    data,
  ]);
  return sign(message, key, Math.floor(nowMs / 1_000));
}

interface TsigTimes {
  readonly time: number;
  readonly fudge: number;
  readonly error: number;
  readonly other: Buffer;
}

/** What of the TSIG record goes into the digest (RFC 8945 §4.3.3). */
const variables = (key: UpdateKey, { time, fudge, error, other }: TsigTimes): Buffer =>
  Buffer.concat([
    wireName(key.name),
    u16(CLASS.ANY),
    u32(0),
    wireName(key.algorithm),
    u48(time),
    u16(fudge, error, other.length),
    other,
  ]);

const digest = (key: UpdateKey, ...parts: readonly Buffer[]): Buffer => {
  const hmac = createHmac(key.algorithm === 'hmac-sha512' ? 'sha512' : 'sha256', key.secret.reveal());
  for (const part of parts) hmac.update(part);
  return hmac.digest();
};

function sign(message: Buffer, key: UpdateKey, time: number): Signed {
  const times = { time, fudge: FUDGE_SECONDS, error: 0, other: Buffer.alloc(0) };
  const mac = digest(key, message, variables(key, times));
  const data = Buffer.concat([
    wireName(key.algorithm),
    u48(time),
    u16(FUDGE_SECONDS, mac.length),
    mac,
    message.subarray(0, 2),
    u16(0, 0),
  ]);
  const record = Buffer.concat([
    wireName(key.name),
    u16(TYPE.TSIG, CLASS.ANY),
    u32(0),
    u16(data.length),
    data,
  ]);
  const bytes = Buffer.concat([message, record]);
  bytes.writeUInt16BE(1, 10);
  return { bytes, mac };
}

const RCODES: Readonly<Record<number, string>> = {
  1: 'it did not understand the update',
  2: 'it failed',
  4: 'it takes no updates',
  5: 'it refuses: is the key allowed to change this name?',
  9: 'it does not have this zone, or does not know the key',
  10: 'the name is not in this zone',
};
/** RFC 8945 §4.2. */
const TSIG_ERRORS: Readonly<Record<number, string>> = {
  16: 'the secret is another one there',
  17: 'it does not know the key',
  18: 'its clock and this one are more than 5 minutes apart',
};

const refusal = (why: string): RhumbError =>
  new RhumbError('unavailable', `the DNS server did not take the update: ${why}`);

/** Throws, saying why, unless the server did what the request asked for and signed that it did. */
export function checkUpdateAnswer(reply: Buffer, request: Signed, key: UpdateKey, nowMs: number): void {
  if (reply.length < HEADER || (reply.readUInt16BE(2) & 0x8000) === 0) throw refusal('its answer is none');
  if (reply.readUInt16BE(0) !== request.bytes.readUInt16BE(0))
    throw refusal('its answer is to something else');
  const rcode = reply.readUInt16BE(2) & 0xf;
  const tsig = findTsig(reply);
  if (tsig !== undefined && tsig.error !== 0)
    throw refusal(TSIG_ERRORS[tsig.error] ?? `TSIG error ${tsig.error}`);
  if (rcode !== 0) throw refusal(RCODES[rcode] ?? `error ${rcode}`);
  if (tsig === undefined) throw refusal('its answer is not signed');
  const unsigned = Buffer.from(reply.subarray(0, tsig.start));
  unsigned.writeUInt16BE(reply.readUInt16BE(10) - 1, 10);
  unsigned.writeUInt16BE(tsig.originalId, 0);
  const expected = digest(key, u16(request.mac.length), request.mac, unsigned, variables(key, tsig));
  if (tsig.mac.length !== expected.length || !timingSafeEqual(tsig.mac, expected))
    throw refusal('the signature of its answer is wrong');
  if (Math.abs(nowMs / 1_000 - tsig.time) > tsig.fudge) throw refusal('its answer is from another time');
}

interface Tsig extends TsigTimes {
  /** Where the record begins. */
  readonly start: number;
  readonly mac: Buffer;
  readonly originalId: number;
}

/** The last record of the message, if it is a TSIG; undefined for anything that can't be read. */
function findTsig(message: Buffer): Tsig | undefined {
  try {
    const [questions, ...records] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
    const total = records.reduce((sum, count) => sum + count, 0);
    let at = HEADER;
    for (let index = 0; index < (questions ?? 0); index += 1) at = skipName(message, at) + 4;
    let start = at;
    let type = 0;
    let body = at;
    for (let index = 0; index < total; index += 1) {
      start = at;
      const fixed = skipName(message, at);
      type = message.readUInt16BE(fixed);
      body = fixed + 10;
      at = body + message.readUInt16BE(fixed + 8);
    }
    if (total === 0 || type !== TYPE.TSIG || at !== message.length) return undefined;
    return readTsig(message, start, skipName(message, body));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readTsig(message: Buffer, start: number, at: number): Tsig {
  const macLength = message.readUInt16BE(at + 8);
  const after = at + 10 + macLength;
  const otherLength = message.readUInt16BE(after + 4);
  return {
    start,
    time: message.readUIntBE(at, 6),
    fudge: message.readUInt16BE(at + 6),
    mac: message.subarray(at + 10, after),
    originalId: message.readUInt16BE(after),
    error: message.readUInt16BE(after + 2),
    other: message.subarray(after + 6, after + 6 + otherLength),
  };
}

/** Where the name that begins at `from` ends. */
function skipName(message: Buffer, from: number): number {
  let at = from;
  while (true) {
    const length = message.readUInt8(at);
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
  }
}
