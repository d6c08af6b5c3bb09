/** What the STUN server does with one datagram: without sockets, so that it can be tested byte by byte (nat-traversal.md §2.2). */
import { type IpBytes, parseIp, type SockAddr } from '#shared/ip/address.ts';
import { decodeBindingRequest, decodeRequest, encodeResponse, isStun } from '#shared/stun/stun.ts';
import { networkOf } from './accept-gate.ts';
import type { StunBudget } from './stun-budget.ts';

export type StunDisposition = 'success' | 'success_generic' | 'over_budget' | 'not_stun';

export interface StunVerdict {
  readonly disposition: StunDisposition;
  readonly family: 'ipv4' | 'ipv6';
  readonly answer: Uint8Array | undefined;
}

const HEADER_BYTES = 20;

/** `budget` undefined = plain clients get no answer at all. */
export function answerStun(
  datagram: Uint8Array,
  from: SockAddr,
  budget: StunBudget | undefined,
): StunVerdict {
  const family = isV4(parseIp(from.ip)) ? 'ipv4' : 'ipv6';
  // Anybody can write that into a datagram, and nothing can be sent there: Node throws (RFC 768: "no port").
  if (from.port === 0) return { disposition: 'not_stun', family, answer: undefined };
  const known = decodeRequest(datagram);
  if (known !== undefined)
    return { disposition: 'success', family, answer: encodeResponse(known.txId, from) };
  const plain =
    budget === undefined || asksForMore(datagram)
      ? undefined
      : decodeBindingRequest(datagram, { strict: false });
  if (plain === undefined || budget === undefined)
    return { disposition: 'not_stun', family, answer: undefined };
  const answer = encodeResponse(plain.txId, from);
  return budget.allows(networkOf(from.ip), datagram.length, answer.length)
    ? { disposition: 'success_generic', family, answer }
    : { disposition: 'over_budget', family, answer: undefined };
}

const isV4 = (ip: IpBytes | undefined): boolean =>
  ip !== undefined &&
  (ip.length === 4 || (ip[10] === 0xff && ip[11] === 0xff && ip.subarray(0, 10).every((b) => b === 0)));

/**
 * Whether a request has an attribute that must be understood (RFC 8489 §14): ICE checks, credentials, a wish to be answered
 * from elsewhere. We understand none; silence is cheaper than an error, which could be sent anywhere.
 */
function asksForMore(datagram: Uint8Array): boolean {
  if (!isStun(datagram)) return true;
  const data = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  for (let at = HEADER_BYTES; at + 4 <= datagram.length; at += 4 + ((data.getUint16(at + 2) + 3) & ~3))
    if (data.getUint16(at) < 0x8000) return true;
  return false;
}
