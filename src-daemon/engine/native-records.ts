/** What the native engine tells, out of its bytes (`native/src/records.rs`; data-plane.md §4.4). */
import { formatIp, type SockAddr } from '#shared/ip/address.ts';
import type { EngineRecord, HandshakeReason, SocketId, Tap } from './types.ts';

const HEADER = 16;
const ADDRESS = 28;

const Kind = {
  Disco: 1,
  Stun: 2,
  Handshake: 3,
  RelayOut: 4,
  Local: 5,
  Tsmp: 6,
  EchoReply: 8,
  UdpOut: 9,
  ToHost: 10,
  Tap: 11,
  NeedHandshake: 32,
  KeyConfirmed: 33,
  PeerActive: 34,
  NewAddress: 35,
  PathError: 36,
  Offload: 38,
  Device: 39,
  Filtered: 40,
  NeedPath: 41,
  UnknownDestination: 43,
  Hold: 44,
  Fatal: 45,
  TunError: 46,
} as const;

const REASONS: readonly HandshakeReason[] = [
  'no-key',
  'age-120',
  'age-165',
  'counter',
  'keepalive-without-key',
];
const OFFLOADS = ['udp-gso', 'tun-gro'] as const;
const VERDICTS = ['unreadable', 'multicast', 'link-local', 'filtered', 'jailed'] as const;
const WAYS = ['from-host', 'from-peer', 'to-host', 'to-peer'] as const;

/** What is for the engine's user, and what is between the engine and us. */
export type NativeRecord =
  | { readonly kind: 'record'; readonly record: EngineRecord }
  | { readonly kind: 'send'; readonly to: SockAddr; readonly via: SocketId; readonly data: Uint8Array }
  | { readonly kind: 'to-host'; readonly data: Uint8Array }
  | { readonly kind: 'tap'; readonly way: Parameters<Tap>[0]; readonly data: Uint8Array }
  /** `expire-held` is wanted after so long. */
  | { readonly kind: 'hold'; readonly ms: number }
  /** The engine is good for nothing any more; what the panic said. */
  | { readonly kind: 'fatal'; readonly why: string };

/** Records of a batch, in order; their bytes are views of it. Kinds that are not known are left out. */
export function* readRecords(batch: Uint8Array): Generator<NativeRecord> {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.length);
  for (let at = 0; at + HEADER <= batch.length; ) {
    const length = view.getUint32(at, true);
    const record = readOne(view, batch, at, at + length);
    if (record !== undefined) yield record;
    at += Math.ceil(length / 8) * 8;
  }
}

function readOne(view: DataView, batch: Uint8Array, at: number, end: number): NativeRecord | undefined {
  const kind = view.getUint16(at + 4, true);
  const peer = view.getUint32(at + 8, true);
  const aux = view.getUint32(at + 12, true);
  const data = batch.subarray(at + HEADER, end);
  const record = (one: EngineRecord): NativeRecord => ({ kind: 'record', record: one });
  switch (kind) {
    case Kind.Disco:
    case Kind.Stun: {
      const type = kind === Kind.Disco ? 'disco' : 'stun';
      return record({ type, from: addressOf(data), via: extra(aux), data: data.subarray(ADDRESS) });
    }
    case Kind.Handshake: {
      const from = data[0] === 0 ? undefined : addressOf(data);
      const known = peer === 0 ? undefined : peer;
      return record({
        type: 'handshake',
        from,
        via: extra(aux),
        peer: known,
        data: data.subarray(ADDRESS),
      });
    }
    case Kind.RelayOut:
      return record({ type: 'relay-out', peer, region: aux, data });
    case Kind.Local:
      return record({ type: 'local', data });
    case Kind.Tsmp:
      return record({ type: 'tsmp', peer, data });
    case Kind.EchoReply:
      return record({ type: 'icmp-echo-reply', peer, data });
    case Kind.UdpOut:
      return { kind: 'send', to: addressOf(data), via: aux, data: data.subarray(ADDRESS) };
    case Kind.ToHost:
      return { kind: 'to-host', data };
    case Kind.Tap:
      return { kind: 'tap', way: WAYS[view.getUint16(at + 6, true)] ?? 'to-peer', data };
    case Kind.NeedHandshake:
      return record({ type: 'need-handshake', peer, reason: REASONS[aux - 1] ?? 'no-key' });
    case Kind.KeyConfirmed:
      return record({ type: 'key-confirmed', peer, localIndex: aux });
    case Kind.PeerActive:
      return record({ type: 'peer-active', peer });
    case Kind.NewAddress:
      return record({ type: 'new-address', peer, from: addressOf(data), via: extra(aux) });
    case Kind.PathError:
      return record({
        type: 'path-error',
        peer: peer === 0 ? undefined : peer,
        via: extra(aux),
        code: textOf(data),
      });
    case Kind.Offload:
      return record({
        type: 'offload',
        what: OFFLOADS[aux - 1] ?? 'udp-gso',
        path: data[0] === 0 ? undefined : addressOf(data),
        code: textOf(data.subarray(ADDRESS)),
      });
    case Kind.Device:
      return record({ type: 'device', what: aux === 1 ? 'tun-gone' : 'socket-dead', detail: textOf(data) });
    case Kind.Filtered:
      return record({ type: 'filtered', peer, why: VERDICTS[aux - 1] ?? 'filtered', data });
    case Kind.NeedPath:
      return record({ type: 'need-path', peer });
    case Kind.UnknownDestination:
      return record({ type: 'unknown-destination', ip: addressOf(data).ip });
    case Kind.Hold:
      return { kind: 'hold', ms: aux };
    case Kind.Fatal:
      return { kind: 'fatal', why: textOf(data) };
    case Kind.TunError:
      return record({ type: 'tun-error', code: textOf(data) });
    default:
      return undefined;
  }
}

/** Records name only extra sockets. */
const extra = (via: SocketId): SocketId | undefined => (via === 0 ? undefined : via);

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function addressOf(block: Uint8Array): SockAddr {
  const view = new DataView(block.buffer, block.byteOffset, ADDRESS);
  const ip = formatIp(block.slice(12, block[0] === 4 ? 16 : 28));
  const zone = view.getUint32(4, true);
  return { ip: zone === 0 ? ip : `${ip}%${zone}`, port: view.getUint16(2, true) };
}
