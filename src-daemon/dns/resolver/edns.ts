/** The query as it goes on: no larger answers wanted than we hand on (localapi-and-daemon.md §7.5). */
import type { Question } from './question.ts';
import { MAX_UDP_BYTES, PLAIN_UDP_BYTES, put16, USUAL_UDP_BYTES } from './wire.ts';

/**
 * A few sizes only. Questions that differ in size are asked each by itself, and whoever forges answers would have as many chances
 * to guess an id as a client finds sizes (RFC 5452 §5).
 */
const SIZES = [MAX_UDP_BYTES, USUAL_UDP_BYTES, PLAIN_UDP_BYTES] as const;

/** The one that a question is asked with; 0 = without EDNS. */
export function askedSize({ edns }: Question): number {
  return edns === undefined ? 0 : (SIZES.find((size) => size <= edns.size) ?? PLAIN_UDP_BYTES);
}

/** A copy where something must change; none adds an OPT record that the client did not send. */
export function clampSize(query: Uint8Array, question: Question): Uint8Array {
  const { edns } = question;
  const size = askedSize(question);
  if (edns === undefined || edns.size === size) return query;
  const out = Uint8Array.prototype.slice.call(query);
  put16(out, edns.at + 3, size);
  return out;
}
