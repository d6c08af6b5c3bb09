/** From one upstream's answer to what one client gets: its id, its spelling, its EDNS, no longer than it can take. */
import type { Question } from './question.ts';
import type { Response } from './response.ts';
import type { Transport } from './types.ts';
import {
  DNSSEC_OK,
  Flag,
  get16,
  HEADER_BYTES,
  MAX_UDP_BYTES,
  OPT_BYTES,
  PLAIN_UDP_BYTES,
  put16,
  put32,
  putOpt,
} from './wire.ts';

/** The same answer for another client of the same question; `agedS` is taken off every TTL. */
export function deliver(
  response: Pick<Response, 'bytes' | 'records' | 'optAt'>,
  query: Uint8Array,
  question: Question,
  options: { readonly transport: Transport; readonly agedS: number; readonly isOurOpt: boolean },
): Uint8Array {
  const { bytes, records } = response;
  const addsOpt = options.isOurOpt && question.edns !== undefined;
  const length = bytes.length + (addsOpt ? OPT_BYTES : 0);
  const limit = limitOf(question, options.transport);
  const keep = length <= limit ? bytes.length : cutAt(response, question, limit);
  const isCut = keep < bytes.length;
  const hasOpt = addsOpt || (isCut && question.edns !== undefined);
  const out = new Uint8Array(keep + (hasOpt ? OPT_BYTES : 0));
  out.set(bytes.subarray(0, keep));
  out.set(query.subarray(0, 2));
  if (get16(bytes, 4) === 1) out.set(query.subarray(HEADER_BYTES, question.end), HEADER_BYTES);
  if (options.agedS > 0)
    for (const { ttlAt, ttlS, end } of records)
      if (end <= keep) put32(out, ttlAt, Math.max(0, ttlS - options.agedS));
  if (isCut) {
    put16(out, 2, get16(out, 2) | Flag.TC);
    put16(out, 6, records.filter(({ section, end }) => section === 'answer' && end <= keep).length);
    put32(out, 8, 0);
  }
  if (hasOpt) {
    put16(out, 10, get16(out, 10) + 1);
    putOpt(out, keep, question.edns?.dnssecOk === true ? DNSSEC_OK : 0);
  }
  return out;
}

/** RFC 6891 §6.2.3: what the client says, but never more than we ever send. */
function limitOf({ edns }: Question, transport: Transport): number {
  if (transport === 'tcp') return Number.POSITIVE_INFINITY;
  return edns === undefined ? PLAIN_UDP_BYTES : Math.min(edns.size, MAX_UDP_BYTES);
}

/** RFC 2181 §9: whole records of the answer section and nothing after them. */
function cutAt(
  { records, bytes }: Pick<Response, 'records' | 'bytes'>,
  question: Question,
  limit: number,
): number {
  const room = limit - (question.edns === undefined ? 0 : OPT_BYTES);
  let keep = get16(bytes, 4) === 1 ? question.end : HEADER_BYTES;
  for (const { section, end } of records) {
    if (section !== 'answer' || end > room) break;
    keep = end;
  }
  return keep;
}
