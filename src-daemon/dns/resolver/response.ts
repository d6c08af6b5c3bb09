/** Reads what an upstream answered: whether it is an answer to that question at all, and how long it may be kept. */
import { type ReadName, readName, skipName } from './names.ts';
import type { Question } from './question.ts';
import {
  Flag,
  get16,
  get32,
  HEADER_BYTES,
  OPCODE_MASK,
  RCODE_MASK,
  Rcode,
  RECORD_BYTES,
  Type,
} from './wire.ts';

export interface RecordPlace {
  readonly section: 'answer' | 'authority' | 'additional';
  readonly start: number;
  /** Where the TTL stands. */
  readonly ttlAt: number;
  readonly type: number;
  readonly ttlS: number;
  readonly end: number;
}

export interface Response {
  readonly bytes: Uint8Array;
  readonly rcode: number;
  readonly isTruncated: boolean;
  /** All but OPT records. */
  readonly records: readonly RecordPlace[];
  /** Where an OPT record begins when it is the last record; -1 = elsewhere; undefined = there is none. */
  readonly optAt: number | undefined;
  /** Seconds for which the same question may be answered with this; 0 = it may not. */
  readonly keepS: number;
}

/** Nobody needs longer, and what changed must be seen some time (RFC 2308 §5 suggests one to three hours for negative ones). */
const MAX_KEEP_S = 3_600;
const MAX_NEGATIVE_S = 300;
/** Some servers leave the question out of a refusal. */
const MAY_LACK_QUESTION: readonly number[] = [Rcode.FormErr, Rcode.ServFail, Rcode.NotImp, Rcode.Refused];

/** Whether `message` answers `query`: id, direction and question (its case apart). */
export function answers(message: Uint8Array, query: Uint8Array, question: Question): boolean {
  if (message.length < HEADER_BYTES || get16(message, 0) !== get16(query, 0)) return false;
  const flags = get16(message, 2);
  if ((flags & Flag.QR) === 0 || (flags & OPCODE_MASK) !== 0) return false;
  if (get16(message, 4) === 0)
    return message.length === HEADER_BYTES && MAY_LACK_QUESTION.includes(flags & RCODE_MASK);
  return get16(message, 4) === 1 && sameQuestion(message, query, question.end);
}

function sameQuestion(a: Uint8Array, b: Uint8Array, end: number): boolean {
  if (a.length < end) return false;
  for (let at = HEADER_BYTES; at < end; at++)
    if (a[at] !== b[at] && (at >= end - 4 || lower(a[at] as number) !== lower(b[at] as number))) return false;
  return true;
}

/** Lengths of labels are below 64, so none is mistaken for a letter. */
const lower = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);

/** Undefined for a message whose records do not fit into it. `message` must have passed `answers`. */
export function readResponse(message: Uint8Array, question: Question): Response | undefined {
  const flags = get16(message, 2);
  const read = readRecords(message, get16(message, 4) === 0 ? HEADER_BYTES : question.end);
  if (read === undefined) return undefined;
  const rcode = flags & RCODE_MASK;
  const isTruncated = (flags & Flag.TC) !== 0;
  const mayKeep = !isTruncated && read.optAt !== -1 && !read.hasExtendedCode;
  return {
    bytes: message,
    rcode,
    isTruncated,
    records: read.records,
    optAt: read.optAt,
    keepS: mayKeep ? keepFor(message, question, rcode, read.records) : 0,
  };
}

interface ReadRecords {
  readonly records: readonly RecordPlace[];
  readonly optAt: number | undefined;
  readonly hasExtendedCode: boolean;
}

/** Records have at least eleven bytes each: the walk ends with the message, whatever the counts say. */
function readRecords(message: Uint8Array, from: number): ReadRecords | undefined {
  const answers = get16(message, 6);
  const authorities = answers + get16(message, 8);
  const count = authorities + get16(message, 10);
  const records: RecordPlace[] = [];
  let optAt: number | undefined;
  let hasExtendedCode = false;
  let at = from;
  for (let i = 0; i < count; i++) {
    const section = i < answers ? 'answer' : i < authorities ? 'authority' : 'additional';
    const record = placeOf(message, at, section);
    if (record === undefined) return undefined;
    if (record.type === Type.OPT) {
      if (message[record.ttlAt] !== 0) hasExtendedCode = true;
      optAt = optAt === undefined && i === count - 1 && section === 'additional' ? at : -1;
    } else {
      records.push(record);
    }
    at = record.end;
  }
  return { records, optAt, hasExtendedCode };
}

function placeOf(
  message: Uint8Array,
  start: number,
  section: RecordPlace['section'],
): RecordPlace | undefined {
  const nameEnd = skipName(message, start);
  if (nameEnd < 0 || nameEnd + RECORD_BYTES > message.length) return undefined;
  const end = nameEnd + RECORD_BYTES + get16(message, nameEnd + 8);
  if (end > message.length) return undefined;
  const ttlAt = nameEnd + 4;
  const ttl = get32(message, ttlAt);
  // RFC 2181 §8: a TTL with the highest bit set counts as zero.
  return { section, start, ttlAt, type: get16(message, nameEnd), ttlS: ttl > 0x7fff_ffff ? 0 : ttl, end };
}

function keepFor(
  message: Uint8Array,
  question: Question,
  rcode: number,
  records: readonly RecordPlace[],
): number {
  if (rcode !== Rcode.NoError && rcode !== Rcode.NxDomain) return 0;
  const answer = records.filter(({ section }) => section === 'answer');
  if (!isChain(message, question.name, answer)) return 0;
  const shortest = records.reduce((least, { ttlS }) => Math.min(least, ttlS), MAX_KEEP_S);
  const isPositive = rcode === Rcode.NoError && answer.some(({ type }) => type === question.type);
  if (isPositive) return shortest;
  // RFC 2308 §5: without an SOA record nobody says how long there is nothing.
  const soa = records.find(({ section, type }) => section === 'authority' && type === Type.SOA);
  if (soa === undefined || soa.end - soa.ttlAt < 6 + 20) return 0;
  return Math.min(shortest, MAX_NEGATIVE_S, get32(message, soa.end - 4));
}

/** Whether every answer is about the asked name, or a name to which it leads. Others' records are handed on and not kept. */
function isChain(message: Uint8Array, name: string, answer: readonly RecordPlace[]): boolean {
  const names = new Set([name]);
  for (const record of answer) {
    const owner = readName(message, record.start)?.name;
    if (owner === undefined) return false;
    const isOurs = names.has(owner) || (record.type === Type.DNAME && isAbove(owner, names));
    if (!isOurs && record.type !== Type.RRSIG) return false;
    if (record.type !== Type.CNAME) continue;
    const target: ReadName | undefined = readName(message, record.ttlAt + 6);
    if (target === undefined || target.end !== record.end) return false;
    names.add(target.name);
  }
  return true;
}

const isAbove = (owner: string, names: ReadonlySet<string>): boolean =>
  [...names].some((name) => name.endsWith(`.${owner}`));
