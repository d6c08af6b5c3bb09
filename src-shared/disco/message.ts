/** The messages inside a disco box: ping, pong, call-me-maybe and those of peer relays (nat-traversal.md §4.2). */
import { concat } from '../bytes/bytes.ts';
import type { SockAddr } from '../ip/address.ts';
import { isZeroKey, keyBytes, type NodeKey, nodeKeyFrom } from '../key/key.ts';
import {
  ADDRESS_LENGTH,
  decodeAddress,
  decodeAddresses,
  encodeAddress,
  KEY_LENGTH,
  TX_ID_LENGTH,
} from './fields.ts';
import { decodePeerRelay, encodePeerRelay, type PeerRelayMessage } from './peer-relay.ts';

export const DiscoType = { Ping: 0x01, Pong: 0x02, CallMeMaybe: 0x03 } as const;

const VERSION = 0;
/** Larger than any datagram; a bound against nonsense from our own callers. */
const MAX_PADDING = 65_507;

export interface DiscoPing {
  readonly type: 'ping';
  readonly txId: Uint8Array;
  /** What the sender claims; a hint, never proof. Very old clients leave it out. */
  readonly nodeKey: NodeKey | undefined;
  /** Zero bytes at the end, to probe what size gets through. */
  readonly padding: number;
}

export interface DiscoPong {
  readonly type: 'pong';
  readonly txId: Uint8Array;
  /** Where the ping came from, as its receiver saw it. */
  readonly source: SockAddr;
}

export interface DiscoCallMeMaybe {
  readonly type: 'call-me-maybe';
  readonly endpoints: readonly SockAddr[];
}

export type DiscoMessage = DiscoPing | DiscoPong | DiscoCallMeMaybe | PeerRelayMessage;

/** Layout: type(1) · version(1) · body. */
export function encodeMessage(message: DiscoMessage): Uint8Array {
  switch (message.type) {
    case 'ping':
      return encodePing(message);
    case 'pong':
      return concat(header(DiscoType.Pong), message.txId, encodeAddress(message.source));
    case 'call-me-maybe':
      return concat(header(DiscoType.CallMeMaybe), ...message.endpoints.map(encodeAddress));
    default: {
      const [type, body] = encodePeerRelay(message);
      return concat(header(type), body);
    }
  }
}

/** Undefined for what is cut short and for types of newer peers: both are dropped in silence. */
export function decodeMessage(payload: Uint8Array): DiscoMessage | undefined {
  if (payload.length < 2) return undefined;
  const body = payload.subarray(2);
  switch (payload[0]) {
    case DiscoType.Ping:
      return decodePing(body);
    case DiscoType.Pong:
      return decodePong(body);
    case DiscoType.CallMeMaybe:
      return { type: 'call-me-maybe', endpoints: payload[1] === VERSION ? decodeAddresses(body) : [] };
    default:
      return payload[1] === VERSION ? decodePeerRelay(payload[0] as number, body) : undefined;
  }
}

const header = (type: number): Uint8Array => Uint8Array.of(type, VERSION);

function encodePing(ping: DiscoPing): Uint8Array {
  const key = ping.nodeKey === undefined ? new Uint8Array(0) : keyBytes(ping.nodeKey);
  const padding = new Uint8Array(Math.min(ping.padding, MAX_PADDING));
  return concat(header(DiscoType.Ping), ping.txId, key, padding);
}

function decodePing(body: Uint8Array): DiscoPing | undefined {
  if (body.length < TX_ID_LENGTH) return undefined;
  const txId = body.slice(0, TX_ID_LENGTH);
  const withKey = TX_ID_LENGTH + KEY_LENGTH;
  if (body.length < withKey)
    return { type: 'ping', txId, nodeKey: undefined, padding: body.length - TX_ID_LENGTH };
  const nodeKey = nodeKeyFrom(body.subarray(TX_ID_LENGTH, withKey));
  return {
    type: 'ping',
    txId,
    nodeKey: isZeroKey(nodeKey) ? undefined : nodeKey,
    padding: body.length - withKey,
  };
}

function decodePong(body: Uint8Array): DiscoPong | undefined {
  if (body.length < TX_ID_LENGTH + ADDRESS_LENGTH) return undefined;
  return {
    type: 'pong',
    txId: body.slice(0, TX_ID_LENGTH),
    source: decodeAddress(body.subarray(TX_ID_LENGTH, TX_ID_LENGTH + ADDRESS_LENGTH)),
  };
}
