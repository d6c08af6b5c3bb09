/** Reads a query: its one question and what it says about EDNS. Everything else is refused with the code that fits. */
import { endOfPlainName, skipName, textOfPlainName } from './names.ts';
import {
  DNSSEC_OK,
  Flag,
  get16,
  HEADER_BYTES,
  MAX_MESSAGE_BYTES,
  OPCODE_MASK,
  PLAIN_UDP_BYTES,
  Rcode,
  RECORD_BYTES,
  Type,
} from './wire.ts';

export interface Edns {
  /** Where the OPT record begins. */
  readonly at: number;
  /** How long an answer over UDP may be. */
  readonly size: number;
  readonly dnssecOk: boolean;
  readonly version: number;
  readonly hasOptions: boolean;
}

export interface Question {
  readonly id: number;
  readonly flags: number;
  /** Lower case, without final dot; empty = the root. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The byte after the question. */
  readonly end: number;
  readonly edns: Edns | undefined;
  /** Only the question and perhaps an OPT record without options, nothing behind: the same for everybody who asks it. */
  readonly isPlain: boolean;
}

export type Query =
  | { readonly kind: 'question'; readonly question: Question }
  /** `end` = how much of the message may be sent back. */
  | { readonly kind: 'bad'; readonly rcode: number; readonly end: number }
  /** Not even a header, or an answer: answering answers makes two servers talk for ever. */
  | { readonly kind: 'none' };

const NONE: Query = { kind: 'none' };
const bad = (rcode: number, end = HEADER_BYTES): Query => ({ kind: 'bad', rcode, end });

export function readQuery(message: Uint8Array): Query {
  if (message.length < HEADER_BYTES) return NONE;
  const flags = get16(message, 2);
  if ((flags & Flag.QR) !== 0) return NONE;
  if ((flags & OPCODE_MASK) !== 0) return bad(Rcode.NotImp);
  // Whoever brought it knows no frames; sent on in one it would become several messages.
  if (message.length > MAX_MESSAGE_BYTES) return bad(Rcode.FormErr);
  if (get16(message, 4) !== 1) return bad(Rcode.FormErr); // RFC 9619: one question, no more and no less
  const nameEnd = endOfPlainName(message, HEADER_BYTES);
  if (nameEnd < 0 || nameEnd + 4 > message.length) return bad(Rcode.FormErr);
  const end = nameEnd + 4;
  const name = textOfPlainName(message, HEADER_BYTES, nameEnd);
  if (name === undefined) return bad(Rcode.FormErr, end);
  const rest = readRest(message, end);
  if (rest === 'broken') return bad(Rcode.FormErr, end);
  const { edns } = rest;
  const others = get16(message, 6) + get16(message, 8) + get16(message, 10);
  return {
    kind: 'question',
    question: {
      id: get16(message, 0),
      flags,
      name,
      type: get16(message, nameEnd),
      class: get16(message, nameEnd + 2),
      end,
      edns,
      isPlain:
        others === (edns === undefined ? 0 : 1) && edns?.hasOptions !== true && rest.end === message.length,
    },
  };
}

interface Rest {
  readonly edns: Edns | undefined;
  /** Where the last record ends. */
  readonly end: number;
}

/** Every record has at least eleven bytes, so the length of the message bounds the walk. */
function readRest(message: Uint8Array, from: number): Rest | 'broken' {
  const before = get16(message, 6) + get16(message, 8);
  const count = before + get16(message, 10);
  let edns: Edns | undefined;
  let at = from;
  for (let i = 0; i < count; i++) {
    const nameEnd = skipName(message, at);
    if (nameEnd < 0 || nameEnd + RECORD_BYTES > message.length) return 'broken';
    const length = get16(message, nameEnd + 8);
    const end = nameEnd + RECORD_BYTES + length;
    if (end > message.length) return 'broken';
    if (get16(message, nameEnd) === Type.OPT) {
      // RFC 6891 §6.1.1: one, at the root, among the additional records.
      if (edns !== undefined || nameEnd !== at + 1 || i < before) return 'broken';
      edns = {
        at,
        size: Math.max(PLAIN_UDP_BYTES, get16(message, nameEnd + 2)),
        version: message[nameEnd + 5] as number,
        dnssecOk: (get16(message, nameEnd + 6) & DNSSEC_OK) !== 0,
        hasOptions: length > 0,
      };
    }
    at = end;
  }
  return { edns, end: at };
}
