/** Conformance: extra sockets, what arrives on them and what leaves from them (nat-traversal.md §11.4). */
import { expect, test } from 'vitest';
import type { SockAddr } from '#shared/ip/address.ts';
import type { PeerPath } from '../../engine/types.ts';
import { macKeysOf, stampMacs } from '../../wireguard/macs.ts';
import {
  dataPacket,
  type EngineRig,
  engineRig,
  FAR,
  FAR_INNER,
  FAR_KEY,
  INNER,
  OWN,
  OWN_KEY,
  PEER,
} from '../engine-rig.ts';
import { ipPacket } from '../packets.ts';
import type { MakeEngine } from '../tunnel-host.ts';

const OUT = ipPacket({ from: INNER, to: FAR_INNER });
const IN = ipPacket({ from: FAR_INNER, to: INNER });
const ELSEWHERE: SockAddr = { ip: '198.51.100.1', port: 7 };
const MESSAGE = new Uint8Array(148).fill(1);
const DIRECT: PeerPath = { mode: 'direct', direct: FAR, via: 7 };

interface ExtraRig extends AsyncDisposable {
  readonly rig: EngineRig;
  /** Where socket 7 is to be reached. */
  readonly extra: SockAddr;
  /** From which port each datagram left, since the socket was there. */
  readonly ports: number[];
}

/** A rig with extra socket 7. */
async function withSocket(make: MakeEngine, config: Parameters<typeof engineRig>[1] = {}): Promise<ExtraRig> {
  const rig = await engineRig(make, config);
  const ports: number[] = [];
  rig.wire.tap = ({ from, to, data }) => {
    if (from.ip !== OWN.ip) return true;
    ports.push(from.port);
    rig.sent.push({ to, data });
    return true;
  };
  rig.engine.apply([{ op: 'socket-open', socket: 7, family: 4 }]);
  await rig.clock.advance(10);
  rig.engine.inject([{ kind: 'udp', to: ELSEWHERE, via: 7, data: Uint8Array.of(1) }]);
  const [port = 0] = ports.splice(0);
  rig.sent.splice(0);
  return { rig, extra: { ip: OWN.ip, port }, ports, [Symbol.asyncDispose]: () => rig.engine.destroy() };
}

const arrive = async (rig: EngineRig, data: Uint8Array, to: SockAddr, from = FAR): Promise<void> => {
  rig.wire.send(from, to, data);
  await rig.clock.advance(2);
};

export function socketConformance(make: MakeEngine): void {
  test('an extra socket has a port of its own', async () => {
    await using one = await withSocket(make);
    expect(one.extra.port).not.toBe(0);
    expect(one.extra.port).not.toBe(OWN.port);
  });

  test.each([
    { type: 'stun', data: stunBinding() },
    { type: 'disco', data: discoLike() },
  ] as const)('$type on an extra socket says so, and on the own port does not', async ({ type, data }) => {
    await using one = await withSocket(make);
    await arrive(one.rig, data, one.extra);
    await arrive(one.rig, data, OWN);
    expect(one.rig.seen(type).map((record) => record.via)).toEqual([7, undefined]);
  });

  test('a path via an extra socket sends data, keepalives and handshake messages from there', async () => {
    await using one = await withSocket(make);
    const { rig, ports, extra } = one;
    rig.engine.apply([{ op: 'path-set', peer: PEER, path: DIRECT }]);
    rig.install();
    rig.fromHost(OUT);
    rig.engine.apply([{ op: 'send-keepalive', peer: PEER }]);
    rig.engine.inject([{ kind: 'peer-datagram', peer: PEER, data: MESSAGE }]);
    expect(rig.sent.map(({ to }) => to)).toEqual([FAR, FAR, FAR, FAR]);
    expect(new Set(ports)).toEqual(new Set([extra.port]));
  });

  test('the same address on another socket is another path', async () => {
    await using one = await withSocket(make);
    const { rig, extra } = one;
    rig.install();
    await arrive(rig, dataPacket(0n, IN), extra);
    expect(rig.seen('new-address')).toEqual([{ type: 'new-address', peer: PEER, from: FAR, via: 7 }]);
    expect(rig.engine.peers([PEER])[0]?.rxBestAt).toBe(0);
    rig.engine.apply([{ op: 'path-set', peer: PEER, path: DIRECT }]);
    await arrive(rig, dataPacket(1n, IN), extra);
    expect(rig.seen('new-address')).toHaveLength(1);
    expect(rig.engine.peers([PEER])[0]?.rxBestAt).toBeGreaterThan(0);
    await arrive(rig, dataPacket(2n, IN), OWN);
    expect(rig.seen('new-address')[1]).toEqual({ type: 'new-address', peer: PEER, from: FAR });
  });

  test('a peer without disco is followed to the socket on which it was heard', async () => {
    await using one = await withSocket(make);
    const { rig, extra, ports } = one;
    rig.engine.apply([
      { op: 'peer-del', peer: PEER },
      { op: 'peer-add', peer: PEER, publicKey: FAR_KEY.publicRaw, wireguardOnly: true },
      { op: 'routes-set', routes: [{ prefix: `${FAR_INNER}/32`, peer: PEER }] },
      { op: 'path-set', peer: PEER, path: { mode: 'direct', direct: FAR } },
    ]);
    rig.install();
    await arrive(rig, dataPacket(0n, IN), extra, ELSEWHERE);
    ports.length = 0;
    rig.fromHost(OUT);
    expect(ports).toEqual([extra.port]);
    rig.engine.apply([{ op: 'peer-heard', peer: PEER, from: ELSEWHERE }]);
    rig.fromHost(OUT);
    expect(ports).toEqual([extra.port, OWN.port]);
  });

  test('a handshake message says on which socket it came, and its answer leaves from there', async () => {
    await using one = await withSocket(make);
    const { rig, extra, ports } = one;
    await arrive(rig, initiation(), extra, ELSEWHERE);
    expect(rig.seen('handshake')).toMatchObject([{ from: ELSEWHERE, via: 7 }]);
    rig.engine.apply([{ op: 'path-set', peer: PEER, path: { mode: 'none' } }]);
    rig.engine.inject([
      { kind: 'peer-datagram', peer: PEER, data: MESSAGE, answering: ELSEWHERE, answeringVia: 7 },
    ]);
    expect(rig.sent.map(({ to }) => to)).toEqual([ELSEWHERE]);
    expect(ports).toEqual([extra.port]);
  });

  test('an answer takes both ways when the path leads to the same address from another socket', async () => {
    await using one = await withSocket(make);
    const { rig, extra, ports } = one;
    rig.engine.inject([
      { kind: 'peer-datagram', peer: PEER, data: MESSAGE, answering: FAR, answeringVia: 7 },
    ]);
    expect(ports).toEqual([extra.port, OWN.port]);
  });

  test('a cookie leaves from the socket whose message asked for it', async () => {
    await using one = await withSocket(make, { underLoadHandshakes: 0 });
    await arrive(one.rig, initiation(), one.extra, ELSEWHERE);
    expect(one.rig.sent).toMatchObject([{ to: ELSEWHERE }]);
    expect(one.ports).toEqual([one.extra.port]);
  });

  test.each([
    { name: 'to the relay', path: { ...DIRECT, mode: 'direct+relay', relayRegion: 3 } as const, relayed: 1 },
    { name: 'to the relay that stood by', path: { ...DIRECT, relayRegion: 3 } as const, relayed: 1 },
    { name: 'nowhere and asks for a path', path: DIRECT, relayed: 0 },
  ])('without its socket a path leads $name', async ({ path, relayed }) => {
    await using one = await withSocket(make);
    const { rig } = one;
    rig.install();
    rig.engine.apply([
      { op: 'path-set', peer: PEER, path },
      { op: 'socket-close', socket: 7 },
    ]);
    rig.sent.length = 0;
    rig.fromHost(OUT);
    await rig.clock.advance(1);
    expect(rig.sent).toHaveLength(0);
    expect(rig.seen('relay-out')).toHaveLength(relayed);
    expect(rig.seen('need-path')).toHaveLength(1 - relayed);
  });

  test('a path via a socket that is not there has no direct part', async () => {
    await using one = await withSocket(make);
    one.rig.engine.apply([{ op: 'path-set', peer: PEER, path: { ...DIRECT, via: 8 } }]);
    await one.rig.clock.advance(1);
    expect(one.rig.seen('need-path')).toHaveLength(1);
  });

  test('nothing arrives on a closed socket and nothing leaves from it', async () => {
    await using one = await withSocket(make);
    const { rig, extra, ports } = one;
    rig.engine.apply([
      { op: 'socket-close', socket: 7 },
      { op: 'socket-close', socket: 9 },
    ]);
    await arrive(rig, stunBinding(), extra);
    rig.engine.inject([{ kind: 'udp', to: FAR, via: 7, data: Uint8Array.of(1) }]);
    expect(rig.seen('stun')).toEqual([]);
    expect(ports).toEqual([]);
    expect(rig.stat('drop.no-socket')).toBe(1);
  });

  test('a datagram waits for its socket to open, a few of them', async () => {
    await using one = await withSocket(make);
    const { rig, ports } = one;
    rig.engine.apply([{ op: 'socket-open', socket: 8, family: 4 }]);
    for (let i = 0; i < 6; i++) rig.engine.inject([{ kind: 'udp', to: FAR, via: 8, data: Uint8Array.of(i) }]);
    await rig.clock.advance(10);
    expect(rig.sent.map(({ data }) => data[0])).toEqual([0, 1, 2, 3]);
    expect(new Set(ports).size).toBe(1);
    expect(rig.stat('drop.no-socket')).toBe(2);
  });

  test('a socket that cannot be opened is told of, and its number is free again', async () => {
    await using one = await withSocket(make);
    const { rig } = one;
    rig.engine.apply([
      { op: 'socket-open', socket: 8, family: 6 },
      { op: 'path-set', peer: PEER, path: { ...DIRECT, direct: { ip: '2001:db8::1', port: 1 }, via: 8 } },
    ]);
    await rig.clock.advance(10);
    expect(rig.seen('path-error')).toEqual([
      { type: 'path-error', peer: undefined, via: 8, code: 'unavailable' },
    ]);
    expect(rig.seen('need-path')).toHaveLength(1);
    rig.engine.apply([{ op: 'socket-open', socket: 8, family: 4 }]);
  });

  test('a new binding leaves extra sockets alone', async () => {
    await using one = await withSocket(make);
    const { rig, extra } = one;
    rig.engine.apply([{ op: 'bind', port: 51_821 }]);
    await rig.clock.advance(10);
    await arrive(rig, stunBinding(), extra);
    expect(rig.seen('stun')).toMatchObject([{ via: 7 }]);
  });

  test('a stopped engine has none left', async () => {
    await using one = await withSocket(make);
    const { rig, extra } = one;
    rig.engine.apply([{ op: 'socket-open', socket: 8, family: 4 }]);
    await rig.engine.stop();
    await arrive(rig, stunBinding(), extra);
    expect(rig.seen('stun')).toEqual([]);
    expect(rig.clock.pending).toBe(0);
  });

  test('512 are open at once, and not one more', async () => {
    await using one = await withSocket(make);
    const { rig, ports } = one;
    const ids = Array.from({ length: 511 }, (_, i) => 100 + i);
    rig.engine.apply(ids.map((socket) => ({ op: 'socket-open', socket, family: 4 }) as const));
    expect(() => rig.engine.apply([{ op: 'socket-open', socket: 8, family: 4 }])).toThrow(/512/);
    rig.engine.apply([
      { op: 'socket-close', socket: 100 },
      { op: 'socket-open', socket: 8, family: 4 },
    ]);
    await rig.clock.advance(100);
    for (const via of ids) rig.engine.inject([{ kind: 'udp', to: FAR, via, data: Uint8Array.of(1) }]);
    expect(new Set(ports).size).toBe(510);
  });

  test.each([0, -1, 1.5, 2 ** 20 + 1])('%d is no number for an extra socket', async (socket) => {
    await using one = await withSocket(make);
    expect(() => one.rig.engine.apply([{ op: 'socket-open', socket, family: 4 }])).toThrow(/number/);
  });

  test('a number in use is a conflict, and nothing of the batch is done', async () => {
    await using one = await withSocket(make);
    const { rig } = one;
    const batch = [8, 7].map((socket) => ({ op: 'socket-open', socket, family: 4 }) as const);
    expect(() => rig.engine.apply(batch)).toThrow(/there already/);
    rig.engine.apply([{ op: 'socket-open', socket: 8, family: 4 }]);
  });
}

/** A request's 20 bytes: type, length, magic cookie, transaction. */
function stunBinding(): Uint8Array {
  const data = new Uint8Array(20);
  data.set([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
  return data;
}

/** Magic, a key, a nonce and a box that says nothing. */
function discoLike(): Uint8Array {
  const data = new Uint8Array(6 + 32 + 24 + 20).fill(9);
  data.set([0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac]);
  return data;
}

/** An initiation with a right mac1 and nothing else right. */
function initiation(): Uint8Array {
  const message = new Uint8Array(148).fill(3);
  message.set([1, 0, 0, 0]);
  stampMacs(message, macKeysOf(OWN_KEY.publicRaw), undefined);
  return message;
}
