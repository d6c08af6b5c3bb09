/** Disco messages that set up a path through a peer which forwards datagrams (nat-traversal.md §4.2, §6). */
import { concat } from '../bytes/bytes.ts';
import type { SockAddr } from '../ip/address.ts';
import { type DiscoKey, discoKeyFrom, keyBytes } from '../key/key.ts';
import { ADDRESS_LENGTH, decodeAddresses, encodeAddress, KEY_LENGTH, u32, u64, viewOf } from './fields.ts';

export const PeerRelayType = {
  Bind: 0x04,
  Challenge: 0x05,
  Answer: 0x06,
  CallMeMaybeVia: 0x07,
  AllocateRequest: 0x08,
  AllocateResponse: 0x09,
} as const;

/** Between a client and the forwarding peer: the same four fields in each of the three messages. */
export interface DiscoBind {
  readonly type: 'bind' | 'bind-challenge' | 'bind-answer';
  /** Number of the path at the forwarding peer. */
  readonly vni: number;
  readonly generation: number;
  /** The other client. */
  readonly remote: DiscoKey;
  /** 32 bytes; zeros until the forwarding peer has chosen. */
  readonly challenge: Uint8Array;
}

/** A path that a forwarding peer offers to two clients. */
export interface RelayEndpoint {
  /** Key of the forwarding function, which is not the disco key of the machine. */
  readonly server: DiscoKey;
  /** In the order of their bytes. */
  readonly clients: readonly [DiscoKey, DiscoKey];
  /** Which of two offers is newer. */
  readonly lamportId: bigint;
  readonly vni: number;
  readonly bindLifetimeNs: bigint;
  readonly steadyLifetimeNs: bigint;
  readonly endpoints: readonly SockAddr[];
}

export interface DiscoCallMeMaybeVia {
  readonly type: 'call-me-maybe-via';
  readonly endpoint: RelayEndpoint;
}

export interface DiscoAllocateRequest {
  readonly type: 'allocate-request';
  readonly clients: readonly [DiscoKey, DiscoKey];
  readonly generation: number;
}

export interface DiscoAllocateResponse {
  readonly type: 'allocate-response';
  readonly generation: number;
  readonly endpoint: RelayEndpoint;
}

export type PeerRelayMessage = DiscoBind | DiscoCallMeMaybeVia | DiscoAllocateRequest | DiscoAllocateResponse;

const BIND_LENGTH = 4 + 4 + 2 * KEY_LENGTH;
const REQUEST_LENGTH = 2 * KEY_LENGTH + 4;
/** Server(32) · clients(64) · Lamport id(8) · VNI(4) · two lifetimes(16). */
const ENDPOINT_LENGTH = 3 * KEY_LENGTH + 8 + 4 + 16;

const BIND_TYPES = {
  bind: PeerRelayType.Bind,
  'bind-challenge': PeerRelayType.Challenge,
  'bind-answer': PeerRelayType.Answer,
} as const;

/** Type byte and body. */
export function encodePeerRelay(message: PeerRelayMessage): readonly [number, Uint8Array] {
  switch (message.type) {
    case 'bind':
    case 'bind-challenge':
    case 'bind-answer': {
      const { vni, generation, remote, challenge } = message;
      return [BIND_TYPES[message.type], concat(u32(vni), u32(generation), keyBytes(remote), challenge)];
    }
    case 'call-me-maybe-via':
      return [PeerRelayType.CallMeMaybeVia, encodeEndpoint(message.endpoint)];
    case 'allocate-request':
      return [
        PeerRelayType.AllocateRequest,
        concat(...message.clients.map(keyBytes), u32(message.generation)),
      ];
    case 'allocate-response':
      return [
        PeerRelayType.AllocateResponse,
        concat(u32(message.generation), encodeEndpoint(message.endpoint)),
      ];
    default:
      return message satisfies never;
  }
}

/** Undefined for another type, or a body that is cut short. */
export function decodePeerRelay(type: number, body: Uint8Array): PeerRelayMessage | undefined {
  switch (type) {
    case PeerRelayType.Bind:
      return decodeBind('bind', body);
    case PeerRelayType.Challenge:
      return decodeBind('bind-challenge', body);
    case PeerRelayType.Answer:
      return decodeBind('bind-answer', body);
    case PeerRelayType.CallMeMaybeVia: {
      const endpoint = decodeEndpoint(body);
      return endpoint && { type: 'call-me-maybe-via', endpoint };
    }
    case PeerRelayType.AllocateRequest:
      if (body.length < REQUEST_LENGTH) return undefined;
      return {
        type: 'allocate-request',
        clients: [keyAt(body, 0), keyAt(body, KEY_LENGTH)],
        generation: viewOf(body).getUint32(2 * KEY_LENGTH),
      };
    case PeerRelayType.AllocateResponse: {
      const endpoint = body.length < 4 ? undefined : decodeEndpoint(body.subarray(4));
      return endpoint && { type: 'allocate-response', generation: viewOf(body).getUint32(0), endpoint };
    }
    default:
      return undefined;
  }
}

function decodeBind(type: DiscoBind['type'], body: Uint8Array): DiscoBind | undefined {
  if (body.length < BIND_LENGTH) return undefined;
  const view = viewOf(body);
  return {
    type,
    vni: view.getUint32(0),
    generation: view.getUint32(4),
    remote: keyAt(body, 8),
    challenge: body.slice(8 + KEY_LENGTH, BIND_LENGTH),
  };
}

const encodeEndpoint = (endpoint: RelayEndpoint): Uint8Array =>
  concat(
    keyBytes(endpoint.server),
    ...endpoint.clients.map(keyBytes),
    u64(endpoint.lamportId),
    u32(endpoint.vni),
    u64(endpoint.bindLifetimeNs),
    u64(endpoint.steadyLifetimeNs),
    ...endpoint.endpoints.map(encodeAddress),
  );

/** Unlike a call-me-maybe, one without an address or with half of one is an error. */
function decodeEndpoint(body: Uint8Array): RelayEndpoint | undefined {
  const rest = body.length - ENDPOINT_LENGTH;
  if (rest < ADDRESS_LENGTH || rest % ADDRESS_LENGTH !== 0) return undefined;
  const view = viewOf(body);
  const at = 3 * KEY_LENGTH;
  return {
    server: keyAt(body, 0),
    clients: [keyAt(body, KEY_LENGTH), keyAt(body, 2 * KEY_LENGTH)],
    lamportId: view.getBigUint64(at),
    vni: view.getUint32(at + 8),
    bindLifetimeNs: view.getBigUint64(at + 12),
    steadyLifetimeNs: view.getBigUint64(at + 20),
    endpoints: decodeAddresses(body.subarray(ENDPOINT_LENGTH)),
  };
}

const keyAt = (body: Uint8Array, at: number): DiscoKey => discoKeyFrom(body.subarray(at, at + KEY_LENGTH));
