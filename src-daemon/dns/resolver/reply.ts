/** Answers that we make ourselves: the question copied, records appended, names as pointers into the question. */
import type { IpBytes } from '#shared/ip/address.ts';
import { encodeName } from './names.ts';
import type { Question } from './question.ts';
import {
  Class,
  DNSSEC_OK,
  Flag,
  HEADER_BYTES,
  OPCODE_MASK,
  OPT_BYTES,
  put16,
  put32,
  putOpt,
  Type,
} from './wire.ts';

/** Short, because the truth is at hand and names change (localapi-and-daemon.md §7.4). */
const TTL_S = 5;
/** How long others may remember that there is nothing (RFC 2308). */
const NEGATIVE_TTL_S = 10;
/** To the name of the question. */
const POINTER = 0xc000 | HEADER_BYTES;
const ADDRESS_HEAD = 12;
const SOA_BYTES = 12 + 4 + 20;

/** What the answer section of a reply holds. */
export type Records =
  | { readonly kind: 'address'; readonly ip: IpBytes }
  | { readonly kind: 'name'; readonly name: string }
  | {
      readonly kind: 'nothing';
      readonly rcode: number;
      /** A suffix of the asked name for which we speak; undefined = for none. */
      readonly zone: string | undefined;
    };

/** `serial` is for the SOA of negative answers; nobody but caches sees it. */
export function localReply(
  query: Uint8Array,
  question: Question,
  records: Records,
  serial: number,
): Uint8Array {
  switch (records.kind) {
    case 'address': {
      const { ip } = records;
      const { out, at } = begin(query, question, Flag.AA, ADDRESS_HEAD + ip.length);
      put16(out, 6, 1);
      recordHead(out, at, ip.length === 4 ? Type.A : Type.AAAA, TTL_S, ip.length);
      out.set(ip, at + ADDRESS_HEAD);
      return out;
    }
    case 'name': {
      const name = encodeName(records.name) ?? new Uint8Array(1);
      const { out, at } = begin(query, question, Flag.AA, ADDRESS_HEAD + name.length);
      put16(out, 6, 1);
      recordHead(out, at, Type.PTR, TTL_S, name.length);
      out.set(name, at + ADDRESS_HEAD);
      return out;
    }
    case 'nothing': {
      const { rcode, zone } = records;
      const { out, at } = begin(query, question, Flag.AA | rcode, zone === undefined ? 0 : SOA_BYTES);
      if (zone !== undefined) {
        put16(out, 8, 1);
        putSoa(out, at, zonePointer(question, zone), serial);
      }
      return out;
    }
    default:
      return records satisfies never;
  }
}

/** Only a code: what went wrong between us and others. */
export function codeReply(query: Uint8Array, question: Question, rcode: number): Uint8Array {
  return begin(query, question, rcode, 0).out;
}

/** RFC 6891 §6.1.3: the answer to a version that we don't know, code 16 in two parts. */
export function badVersionReply(query: Uint8Array, question: Question): Uint8Array {
  const { out } = begin(query, question, 0, 0);
  putOpt(out, out.length - OPT_BYTES, 0, 1);
  return out;
}

/** For what has no question that could be read; `end` = how much of it is sent back (a whole question, or the header alone). */
export function badReply(query: Uint8Array, rcode: number, end: number): Uint8Array {
  const out = new Uint8Array(end);
  out.set(query.subarray(0, end));
  const flags = ((query[2] as number) << 8) | (query[3] as number);
  put16(out, 2, Flag.QR | (flags & (OPCODE_MASK | Flag.RD)) | rcode);
  put16(out, 4, end > HEADER_BYTES ? 1 : 0);
  out.fill(0, 6, HEADER_BYTES);
  return out;
}

/** Header and question, room for `size` more, and an OPT record at the end when the query had one. */
function begin(
  query: Uint8Array,
  question: Question,
  more: number,
  size: number,
): { readonly out: Uint8Array; readonly at: number } {
  const { end, flags, edns } = question;
  const out = new Uint8Array(end + size + (edns === undefined ? 0 : OPT_BYTES));
  out.set(query.subarray(0, end));
  const asked = flags & (Flag.RD | Flag.CD);
  put16(out, 2, Flag.QR | asked | ((flags & Flag.RD) === 0 ? 0 : Flag.RA) | more);
  out.fill(0, 6, HEADER_BYTES);
  if (edns !== undefined) {
    put16(out, 10, 1);
    putOpt(out, end + size, edns.dnssecOk ? DNSSEC_OK : 0);
  }
  return { out, at: end };
}

function recordHead(out: Uint8Array, at: number, type: number, ttlS: number, length: number): void {
  put16(out, at, POINTER);
  put16(out, at + 2, type);
  put16(out, at + 4, Class.IN);
  put32(out, at + 6, ttlS);
  put16(out, at + 10, length);
}

/** Where in the question the zone's name begins: it is the end of the asked name, which ends four bytes before the question. */
const zonePointer = ({ end }: Question, zone: string): number =>
  0xc000 | (end - 4 - (zone === '' ? 1 : zone.length + 2));

function putSoa(out: Uint8Array, at: number, zone: number, serial: number): void {
  recordHead(out, at, Type.SOA, NEGATIVE_TTL_S, 24);
  put16(out, at, zone);
  put16(out, at + 12, zone);
  put16(out, at + 14, zone);
  put32(out, at + 16, serial);
  for (let i = 0; i < 4; i++) put32(out, at + 20 + 4 * i, NEGATIVE_TTL_S);
}
