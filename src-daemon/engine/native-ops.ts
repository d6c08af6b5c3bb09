/** Operations and packets as the native engine reads them (`native/src/ops.rs`, `engine.rs`; data-plane.md §4.4, §4.5). */
import { utf8 } from '#shared/bytes/bytes.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { NativeWriter } from './native-writer.ts';
import type {
  EngineFlags,
  EngineOp,
  FilterRuleSpec,
  InjectPacket,
  Keypair,
  PeerPath,
  Route,
  SocketId,
} from './types.ts';

/** Who plays a side of the engine. */
export const Side = { None: 0, System: 1, Ring: 2 } as const;
export type Side = (typeof Side)[keyof typeof Side];

/** How the engine is to start. */
export interface NativeConfig {
  readonly host: Side;
  readonly wire: Side;
  readonly mtu: number;
  readonly port: number;
  readonly mark: number | undefined;
  readonly dontFragment: boolean;
  readonly underLoadHandshakes: number | undefined;
  /** For each way; 0 leaves it to the engine. */
  readonly threads: number;
  readonly isPlain: boolean;
  readonly name: string;
}

const MODES = { none: 0, direct: 1, 'direct+relay': 2, relay: 3 } as const;

/** The engine's clock rests at this time until the next such operation. */
export const writeClock = (out: NativeWriter, nowMs: number): void => out.begin(29).u64(nowMs).end();
/** The engine's own clock goes on from this time. */
export const writeRunClock = (out: NativeWriter, nowMs: number): void => out.begin(30).u64(nowMs).end();
/** What waited for a path for too long is dropped. */
export const writeExpireHeld = (out: NativeWriter): void => out.begin(27).end();
/** Packets are shown, or no more. */
export const writeCapture = (out: NativeWriter, isOn: boolean): void =>
  out
    .begin(17)
    .u32(isOn ? 1 : 0)
    .end();

export function writeConfig(out: NativeWriter, config: NativeConfig): void {
  const { host, wire, mtu, port, mark, dontFragment, underLoadHandshakes, isPlain, threads, name } = config;
  const bits =
    (mark === undefined ? 0 : 1) |
    (dontFragment ? 2 : 0) |
    (underLoadHandshakes === undefined ? 0 : 4) |
    (isPlain ? 8 : 0);
  out.begin(28).u32(host).u32(wire).u32(mtu).u32(port).u32(bits);
  out
    .u32(mark ?? 0)
    .u32(underLoadHandshakes ?? 0)
    .u32(threads)
    .bytes(utf8(name))
    .end();
}

/** An operation whose shape was checked. */
export function writeOp(out: NativeWriter, op: EngineOp): void {
  switch (op.op) {
    case 'set-identity':
      out.begin(1).bytes(op.publicKey).end();
      return;
    case 'peer-add':
      writePeer(out, op);
      return;
    case 'peer-del':
      out.begin(3).u32(op.peer).end();
      return;
    case 'routes-set':
      out.begin(4);
      writeRoutes(out, op.routes);
      return;
    case 'routes-change':
      out.begin(20).u32(op.remove.length);
      for (const prefix of op.remove) out.prefix(prefix);
      writeRoutes(out, op.add);
      return;
    case 'install-keypair':
      writeKeypair(out, op.keypair);
      return;
    case 'pending-add':
      out.begin(6).u32(op.index).u32(op.peer).end();
      return;
    case 'pending-del':
      out.begin(7).u32(op.index).end();
      return;
    case 'erase-keys':
      out
        .begin(8)
        .u32(op.peer === 'all' ? 0 : op.peer)
        .end();
      return;
    case 'erase-older-keys':
      out
        .begin(21)
        .u32(op.peer)
        .u64(Math.max(0, Math.ceil(op.createdBeforeMs)))
        .end();
      return;
    case 'expire-send':
      out.begin(9).u32(op.peer).end();
      return;
    case 'drop-staged':
      out.begin(22).u32(op.peer).end();
      return;
    case 'path-set':
      writePath(out, op.peer, op.path);
      return;
    case 'peer-heard':
      out
        .begin(23)
        .u32(op.peer)
        .u32(op.via ?? 0)
        .address(op.from)
        .end();
      return;
    case 'send-keepalive':
      out.begin(11).u32(op.peer).end();
      return;
    case 'filter-set':
      writeRules(out, op.rules);
      return;
    case 'tcp-open':
      out.begin(24);
      for (const address of op.at) out.address(address);
      out.end();
      return;
    case 'local-ips':
      writeLocals(out, op);
      return;
    case 'bind':
      writeBind(out, op);
      return;
    case 'flags-set':
      out.begin(15).u32(flagBits(op.flags)).end();
      return;
    case 'socket-open':
      out.begin(25).u32(op.socket).u32(op.family).end();
      return;
    case 'socket-close':
      out.begin(26).u32(op.socket).end();
      return;
    default:
      op satisfies never;
  }
}

type Of<K extends EngineOp['op']> = Extract<EngineOp, { readonly op: K }>;

function writePeer(out: NativeWriter, { peer, publicKey, jailed, wireguardOnly }: Of<'peer-add'>): void {
  const bits = (jailed === true ? 1 : 0) | (wireguardOnly === true ? 2 : 0);
  out.begin(2).u32(peer).u32(bits).bytes(publicKey).end();
}

function writeLocals(out: NativeWriter, op: Of<'local-ips'>): void {
  const lists = [op.own, op.service, op.forwarded, op.beside ?? []];
  out.begin(13);
  for (const list of lists) out.u32(list.length);
  for (const prefix of lists.flat()) out.prefix(prefix);
  out.end();
}

function writeBind(out: NativeWriter, { port, mark, dontFragment }: Of<'bind'>): void {
  const bits =
    (mark === undefined ? 0 : 1) | (dontFragment === undefined ? 0 : 2) | (dontFragment === true ? 4 : 0);
  out
    .begin(14)
    .u32(port)
    .u32(bits)
    .u32(mark ?? 0)
    .end();
}

/** In the order of their bits (`native/src/flags.rs`). */
const FLAGS = [
  'noUdpGso',
  'noUdpGro',
  'noTunTcpGro',
  'noTunUdpGro',
  'gsoSentinel',
  'ecn',
] as const satisfies readonly (keyof EngineFlags)[];

const flagBits = (flags: EngineFlags): number =>
  FLAGS.reduce((bits, name, i) => bits | (flags[name] === true ? 1 << i : 0), 0);

function writeRoutes(out: NativeWriter, routes: readonly Route[]): void {
  for (const { prefix, peer } of routes) out.prefix(prefix).u32(peer);
  out.end();
}

function writeKeypair(out: NativeWriter, keypair: Keypair): void {
  const { peer, role, localIndex, remoteIndex, sendKey, receiveKey, createdMs, firstPacket } = keypair;
  out.begin(5, firstPacket === undefined ? 0 : 1).u32(peer);
  out
    .u32(role === 'initiator' ? 0 : 1)
    .u32(localIndex)
    .u32(remoteIndex);
  out.bytes(sendKey).bytes(receiveKey).u64(Math.floor(createdMs));
  out.bytes(firstPacket ?? []).end();
}

function writePath(out: NativeWriter, peer: number, path: PeerPath): void {
  const { mode, direct, via, relayRegion, validUntilMs } = path;
  const bits = (relayRegion === undefined ? 0 : 1) | (validUntilMs === undefined ? 0 : 2);
  out.begin(10).u32(peer).u32(MODES[mode]).u32(bits);
  out
    .u32(relayRegion ?? 0)
    .u32(via ?? 0)
    .u64(Math.max(0, Math.floor(validUntilMs ?? 0)));
  out.address(direct).end();
}

/** Rules share their sources, lists of thousands of addresses: each list is written once. */
function writeRules(out: NativeWriter, rules: readonly FilterRuleSpec[] | undefined): void {
  if (rules === undefined) {
    out.begin(12, 1).end();
    return;
  }
  const lists = new Map<readonly string[], number>();
  for (const { sources } of rules) if (!lists.has(sources)) lists.set(sources, lists.size);
  out.begin(12).u32(lists.size);
  for (const list of lists.keys()) {
    out.u32(list.length);
    for (const prefix of list) out.prefix(prefix);
  }
  out.u32(rules.length);
  for (const { protocols, sources, destinations } of rules) {
    out.u32(lists.get(sources) ?? 0).u32(protocols.length);
    out.u32(destinations.length).bytes(protocols);
    for (const { prefix, first, last } of destinations) out.prefix(prefix).u16(first).u16(last);
  }
  out.end();
}

export function writePacket(out: NativeWriter, packet: InjectPacket): void {
  switch (packet.kind) {
    case 'udp':
      out
        .begin(64)
        .u32(packet.via ?? 0)
        .address(packet.to)
        .bytes(packet.data)
        .end();
      return;
    case 'relay-in':
      out.begin(65).u32(packet.peer).u32(packet.region).bytes(packet.data).end();
      return;
    case 'to-host':
      out.begin(66).bytes(packet.data).end();
      return;
    case 'from-host':
      out.begin(67).bytes(packet.data).end();
      return;
    case 'to-peer':
      out.begin(68).u32(packet.peer).bytes(packet.data).end();
      return;
    case 'peer-datagram':
      out
        .begin(69)
        .u32(packet.peer)
        .u32(packet.answeringVia ?? 0);
      out.address(packet.answering).bytes(packet.data).end();
      return;
    default:
      packet satisfies never;
  }
}

/** A datagram that arrived on a socket of ours. */
export function writeReceived(out: NativeWriter, from: SockAddr, datagram: Uint8Array, via: SocketId): void {
  out.begin(70).u32(via).address(from).bytes(datagram).end();
}

/** A packet of a host that is played by us. */
export function writeHostPacket(out: NativeWriter, packet: Uint8Array): void {
  out.begin(71).bytes(packet).end();
}
