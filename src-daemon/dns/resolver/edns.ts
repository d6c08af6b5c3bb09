/** The query as it goes on: no larger answers wanted than we hand on (localapi-and-daemon.md §7.5). */
import type { Question } from './question.ts';
import { MAX_UDP_BYTES, put16 } from './wire.ts';

/** A copy where something must change; none adds an OPT record that the client did not send. */
export function clampSize(query: Uint8Array, { edns }: Question): Uint8Array {
  if (edns === undefined || edns.size <= MAX_UDP_BYTES) return query;
  const out = Uint8Array.prototype.slice.call(query);
  put16(out, edns.at + 3, MAX_UDP_BYTES);
  return out;
}
