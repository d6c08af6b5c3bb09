/** Two whole nodes over a simulated wire: handshake, data, rekey, loss, restart, roaming, load (data-plane.md §1). */
import { describe, expect, test, vi } from 'vitest';
import { importPrivate } from '#shared/crypto/x25519.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { ipPacket } from '../testing/packets.ts';
import { type TunnelHost, testKey, tunnelHost } from '../testing/tunnel-host.ts';
import { SimulatedWire, seeded, type WireDatagram } from '../testing/wire.ts';
import type { TunnelPeer } from './tunnel.ts';

const A = { ip: '192.0.2.1', inner: '10.0.0.1', inner6: 'fd00::1', key: 1 };
const B = { ip: '192.0.2.2', inner: '10.0.0.2', inner6: 'fd00::2', key: 2 };
const PORT = 51_820;

const publicOf = (key: number): Uint8Array => importPrivate(testKey(key)).publicRaw;

const peerOf = (side: typeof A, extra: Partial<TunnelPeer> = {}): TunnelPeer => ({
  peer: 7,
  publicKey: publicOf(side.key),
  allowedIps: [`${side.inner}/32`, `${side.inner6}/128`],
  wireguardOnly: true,
  ...extra,
});

interface Pair extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly wire: SimulatedWire;
  readonly a: TunnelHost;
  readonly b: TunnelHost;
}

const toB = (mark = 0): Uint8Array =>
  ipPacket({ from: A.inner, to: B.inner, payload: Uint8Array.of(1, 2, 3, 4, 5, 6, mark >> 8, mark & 255) });
const toA = (mark = 0): Uint8Array =>
  ipPacket({ from: B.inner, to: A.inner, payload: Uint8Array.of(9, 9, 9, 9, 9, 9, mark >> 8, mark & 255) });

async function pair(
  options: { psk?: Uint8Array; seed?: number; bUnderLoad?: number; keepaliveMs?: number } = {},
): Promise<Pair> {
  const clock = new FakeClock();
  const wire = new SimulatedWire(clock, seeded(options.seed ?? 42));
  const extra = { presharedKey: options.psk, persistentKeepaliveMs: options.keepaliveMs };
  const a = await tunnelHost({ clock, wire, address: A.ip, key: A.key, peers: [peerOf(B, extra)] });
  const b = await tunnelHost({
    clock,
    wire,
    address: B.ip,
    key: B.key,
    peers: [peerOf(A, { presharedKey: options.psk })],
    ...(options.bUnderLoad === undefined ? {} : { underLoadHandshakes: options.bUnderLoad }),
  });
  a.engine.apply([{ op: 'path-set', peer: 7, path: { mode: 'direct', direct: { ip: B.ip, port: PORT } } }]);
  return {
    clock,
    wire,
    a,
    b,
    [Symbol.asyncDispose]: async () => {
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
    },
  };
}

const typeOf = (datagram: WireDatagram): number => datagram.data[0] ?? 0;

describe('a first packet', () => {
  test.each([
    { name: 'without a preshared key', psk: undefined },
    { name: 'with a preshared key', psk: new Uint8Array(32).fill(0x5a) },
  ])('waits for the handshake and arrives, $name', async ({ psk }) => {
    await using net = await pair(psk === undefined ? {} : { psk });
    net.a.send(toB(1));
    await net.clock.advance(10);
    expect(net.b.received).toEqual([toB(1)]);
    expect(net.a.tunnel.peerStatus(7)).toEqual({
      lastHandshakeAt: net.clock.now() - 8,
      state: 'established',
    });
    expect(net.b.tunnel.peerStatus(7)?.state).toBe('established');
    net.b.send(toA(2));
    await net.clock.advance(10);
    expect(net.a.received).toEqual([toA(2)]);
  });

  test('of both families goes through the same tunnel', async () => {
    await using net = await pair();
    const packet = ipPacket({ from: A.inner6, to: B.inner6 });
    net.a.send(packet);
    await net.clock.advance(10);
    expect(net.b.received).toEqual([packet]);
  });

  test('does not arrive under another preshared key, and the handshake is given up', async () => {
    await using net = await pair();
    net.b.tunnel.setPeers([peerOf(A, { presharedKey: new Uint8Array(32).fill(1) })]);
    net.a.send(toB());
    await net.clock.advance(200_000);
    expect(net.b.received).toEqual([]);
    expect(net.a.stat('handshake.initiations-sent')).toBe(22);
    expect(net.a.stat('drop.staged')).toBe(1);
    expect(net.a.tunnel.peerStatus(7)?.state).toBe('none');
  });

  test('waits for a path as well, together with the handshake', async () => {
    await using net = await pair();
    net.a.engine.apply([{ op: 'path-set', peer: 7, path: { mode: 'none' } }]);
    net.a.send(toB(3));
    await net.clock.advance(1_000);
    expect(net.a.records.map((record) => record.type)).toContain('need-path');
    net.a.engine.apply([
      { op: 'path-set', peer: 7, path: { mode: 'direct', direct: { ip: B.ip, port: PORT } } },
    ]);
    await net.clock.advance(10);
    expect(net.b.received).toEqual([toB(3)]);
  });
});

describe('silence', () => {
  test('an idle tunnel sends nothing at all once what was sent is answered', async () => {
    await using net = await pair();
    net.a.send(toB());
    await net.clock.advance(30_000);
    const seen: number[] = [];
    net.wire.tap = (datagram) => {
      seen.push(typeOf(datagram));
      return true;
    };
    await net.clock.advance(600_000);
    expect(seen).toEqual([]);
    expect(net.a.tunnel.peerStatus(7)?.state).toBe('none');
    expect(net.clock.pending).toBe(0);
  });

  test('data without an answer is answered by one keepalive after ten seconds', async () => {
    await using net = await pair();
    net.a.send(toB());
    await net.clock.advance(100);
    const keepalives: number[] = [];
    net.wire.tap = (datagram) => {
      if (typeOf(datagram) === 4 && datagram.data.length === 32) keepalives.push(net.clock.monotonic());
      return true;
    };
    const sentAt = net.clock.monotonic();
    net.a.send(toB());
    await net.clock.advance(60_000);
    expect(keepalives).toHaveLength(1);
    // The first data packet is what is owed an answer.
    expect((keepalives[0] ?? 0) - sentAt).toBeLessThanOrEqual(10_000);
    expect((keepalives[0] ?? 0) - sentAt).toBeGreaterThan(9_800);
  });

  test('a persistent keepalive begins a session and keeps it', async () => {
    await using net = await pair({ keepaliveMs: 25_000 });
    await net.clock.advance(1_000);
    expect(net.a.tunnel.peerStatus(7)?.state).toBe('established');
    await net.clock.advance(600_000);
    expect(net.a.tunnel.peerStatus(7)?.state).toBe('established');
    expect(net.a.stat('tx.keepalives')).toBeGreaterThanOrEqual(20);
    expect(net.a.stat('tx.keepalives')).toBeLessThan(40);
  });
});

describe('rekey', () => {
  test('the initiator renews every two minutes while it sends, and loses nothing', async () => {
    await using net = await pair();
    for (let i = 0; i < 600; i++) {
      net.a.send(toB(i));
      await net.clock.advance(1_000);
    }
    expect(net.b.received).toHaveLength(600);
    expect(net.a.stat('handshake.initiations-sent')).toBe(5);
    expect(net.b.stat('drop.unknown-index')).toBe(0);
  });

  test('a stream that only arrives is renewed by its receiver, which was the initiator', async () => {
    await using net = await pair();
    net.a.send(toB());
    await net.clock.advance(100);
    for (let i = 0; i < 400; i++) {
      net.b.send(toA(i));
      await net.clock.advance(1_000);
    }
    expect(net.a.received).toHaveLength(400);
    expect(net.a.stat('handshake.initiations-sent')).toBe(4);
    expect(net.b.stat('handshake.initiations-sent')).toBe(0);
  });

  test('both sides at once end in a session that works both ways', async () => {
    await using net = await pair();
    net.b.engine.apply([
      { op: 'path-set', peer: 7, path: { mode: 'direct', direct: { ip: A.ip, port: PORT } } },
    ]);
    net.a.send(toB(1));
    net.b.send(toA(1));
    await net.clock.advance(100);
    expect(net.a.received).toEqual([toA(1)]);
    expect(net.b.received).toEqual([toB(1)]);
    net.a.send(toB(2));
    net.b.send(toA(2));
    await net.clock.advance(100);
    expect(net.a.received).toHaveLength(2);
    expect(net.b.received).toHaveLength(2);
  });

  test('keys are erased nine minutes after the last handshake', async () => {
    await using net = await pair();
    net.a.send(toB());
    await net.clock.advance(200_000);
    expect(net.a.tunnel.peerStatus(7)?.state).toBe('expired');
    await net.clock.advance(400_000);
    expect(net.a.tunnel.peerStatus(7)?.state).toBe('none');
    net.a.send(toB(5));
    await net.clock.advance(100);
    expect(net.b.received.at(-1)).toEqual(toB(5));
  });
});

describe('trouble', () => {
  test('a handshake gets through a wire that loses half of everything', async () => {
    await using net = await pair({ seed: 7 });
    net.wire.conditions.loss = 0.5;
    net.a.send(toB(1));
    for (let i = 0; i < 20 && net.b.received.length === 0; i++) {
      await net.clock.advance(5_000);
      net.a.send(toB(2));
    }
    expect(net.b.received.length).toBeGreaterThan(0);
  });

  test('reordered and doubled packets arrive once each', async () => {
    await using net = await pair();
    net.a.send(toB(0));
    await net.clock.advance(100);
    Object.assign(net.wire.conditions, { duplicate: 0.5, reorder: 0.3, reorderMs: 30 });
    for (let i = 1; i < 500; i++) {
      net.a.send(toB(i));
      await net.clock.advance(1);
    }
    await net.clock.advance(100);
    const marks = net.b.received.map((packet) => ((packet.at(-2) ?? 0) << 8) | (packet.at(-1) ?? 0));
    expect(marks.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 500 }, (_, i) => i));
    expect(marks).not.toEqual(marks.toSorted((x, y) => x - y));
    expect(net.b.stat('drop.replay')).toBeGreaterThan(100);
  });

  test.each([
    { who: 'responder', restart: 'b' },
    { who: 'initiator', restart: 'a' },
  ] as const)('the $who restarts: traffic goes on within twenty seconds', async ({ restart }) => {
    await using net = await pair();
    net.a.send(toB());
    await net.clock.advance(1_000);
    net.b.send(toA());
    await net.clock.advance(1_000);
    const [old, own, other] = restart === 'b' ? [net.b, B, A] : [net.a, A, B];
    await old[Symbol.asyncDispose]();
    await using fresh = await tunnelHost({
      clock: net.clock,
      wire: net.wire,
      address: own.ip,
      key: own.key,
      peers: [peerOf(other)],
    });
    if (restart === 'b') {
      for (let i = 0; i < 20; i++) {
        net.a.send(toB(100 + i));
        await net.clock.advance(1_000);
      }
      expect(fresh.received.at(-1)).toEqual(toB(119));
    } else {
      fresh.engine.apply([
        { op: 'path-set', peer: 7, path: { mode: 'direct', direct: { ip: B.ip, port: PORT } } },
      ]);
      fresh.send(toB(200));
      await net.clock.advance(100);
      expect(net.b.received.at(-1)).toEqual(toB(200));
    }
  });

  test('an initiation seen before is not answered again', async () => {
    await using net = await pair();
    let initiation: WireDatagram | undefined;
    net.wire.tap = (datagram) => {
      if (typeOf(datagram) === 1) initiation = datagram;
      return true;
    };
    net.a.send(toB());
    await net.clock.advance(1_000);
    let responses = 0;
    net.wire.tap = (datagram) => {
      if (typeOf(datagram) === 2) responses++;
      return true;
    };
    if (initiation === undefined) throw new Error('no initiation was sent');
    net.wire.send(initiation.from, initiation.to, initiation.data);
    await net.clock.advance(100);
    expect(responses).toBe(0);
    expect(net.b.stat('drop.handshake-replayed')).toBe(1);
    net.a.send(toB(9));
    await net.clock.advance(100);
    expect(net.b.received.at(-1)).toEqual(toB(9));
  });

  test('under load a cookie is asked for and the repeated initiation carries it', async () => {
    await using net = await pair({ bUnderLoad: 0 });
    const types: number[] = [];
    net.wire.tap = (datagram) => {
      types.push(typeOf(datagram));
      return true;
    };
    net.a.send(toB(1));
    await net.clock.advance(1_000);
    expect(types).toEqual([1, 3]);
    expect(net.b.received).toEqual([]);
    await net.clock.advance(5_000);
    expect(types.slice(0, 4)).toEqual([1, 3, 1, 2]);
    expect(net.b.received).toEqual([toB(1)]);
    expect(net.a.stat('handshake.cookies-accepted')).toBe(1);
    expect(net.b.stat('handshake.cookies-sent')).toBe(1);
  });

  test('a changed private key ends sending under the old one, and the new one takes over', async () => {
    await using net = await pair();
    net.a.send(toB(1));
    await net.clock.advance(100);
    net.a.tunnel.setPrivateKey(testKey(99));
    net.b.tunnel.setPeers([{ ...peerOf(A), peer: 8, publicKey: publicOf(99) }]);
    net.a.send(toB(2));
    await net.clock.advance(100);
    expect(net.b.received.at(-1)).toEqual(toB(2));
    expect(net.b.tunnel.peerStatus(8)?.state).toBe('established');
    expect(net.b.tunnel.peerStatus(7)).toBeUndefined();
  });

  test.each([
    { name: 'it has changed before the other knows', first: 'own' },
    { name: 'the other knows before it has changed', first: 'other' },
  ] as const)('a machine with a new key loses no packet when $name', async ({ first }) => {
    await using net = await pair();
    net.a.send(toB(0));
    net.b.send(toA(0));
    await net.clock.advance(100);
    const own = (): void => net.a.tunnel.setPrivateKey(testKey(99));
    const other = (): void => net.b.tunnel.renewPeer(7, publicOf(99));
    const both = async (from: number): Promise<void> => {
      for (let i = from; i < from + 20; i++) {
        net.a.send(toB(i));
        net.b.send(toA(i));
        await net.clock.advance(10);
      }
    };
    if (first === 'own') own();
    else other();
    await both(1);
    if (first === 'own') other();
    else own();
    await both(21);
    await net.clock.advance(1_000);
    const numbers = Array.from({ length: 41 }, (_, i) => i);
    expect(net.b.received).toEqual(numbers.map(toB));
    expect(net.a.received).toEqual(numbers.map(toA));
    expect(net.b.tunnel.peerStatus(7)?.state).toBe('established');
    expect(net.a.stat('handshake.initiations-accepted') + net.b.stat('handshake.initiations-accepted')).toBe(
      2,
    );
  });

  test('who has only the old key of a machine is heard and told nothing ten seconds after another took its place', async () => {
    await using net = await pair();
    net.a.send(toB(0));
    await net.clock.advance(100);
    net.b.tunnel.renewPeer(7, publicOf(99));
    net.a.send(toB(1));
    await net.clock.advance(10_100);
    net.a.send(toB(2));
    net.b.send(toA(1));
    await net.clock.advance(100);
    expect(net.b.received).toEqual([toB(0), toB(1)]);
    expect(net.a.received).toEqual([]);
    expect(net.b.tunnel.peerStatus(7)?.state).not.toBe('established');
  });

  test('a wall clock set back an hour does not stop the next handshake', async () => {
    await using net = await pair();
    net.a.send(toB(1));
    await net.clock.advance(100);
    net.clock.stepWall(-3_600_000);
    for (let i = 0; i < 130; i++) {
      net.a.send(toB(i));
      await net.clock.advance(1_000);
    }
    expect(net.b.stat('handshake.initiations-accepted')).toBe(2);
  });

  test('after a restart with the clock set back, the remembered ceiling makes the handshake fresh', async () => {
    await using net = await pair();
    net.a.send(toB(1));
    await net.clock.advance(100);
    const timestampFloorMs = net.a.timestampMs;
    expect(timestampFloorMs).toBeDefined();
    await net.a[Symbol.asyncDispose]();
    net.clock.stepWall(-3_600_000);
    await using fresh = await tunnelHost({
      clock: net.clock,
      wire: net.wire,
      address: A.ip,
      key: A.key,
      peers: [peerOf(B)],
      timestampFloorMs,
    });
    fresh.engine.apply([
      { op: 'path-set', peer: 7, path: { mode: 'direct', direct: { ip: B.ip, port: PORT } } },
    ]);
    fresh.send(toB(2));
    await net.clock.advance(100);
    expect(net.b.received.at(-1)).toEqual(toB(2));
  });
});

describe('addresses', () => {
  test('a plain WireGuard peer is followed when it moves', async () => {
    await using net = await pair();
    net.a.send(toB(1));
    await net.clock.advance(100);
    net.a.wireHost.move({ v4: '198.51.100.7' });
    net.a.send(toB(2));
    await net.clock.advance(100);
    net.b.send(toA(3));
    await net.clock.advance(100);
    expect(net.a.received).toEqual([toA(3)]);
    expect(net.b.records.filter((record) => record.type === 'new-address').at(-1)).toEqual({
      type: 'new-address',
      peer: 7,
      from: { ip: '198.51.100.7', port: PORT },
    });
  });

  test('a peer with disco is not followed, only reported', async () => {
    await using net = await pair();
    const path = { mode: 'direct', direct: { ip: A.ip, port: PORT } } as const;
    net.b.tunnel.setPeers([peerOf(A, { wireguardOnly: false })]);
    net.b.engine.apply([{ op: 'path-set', peer: 7, path }]);
    net.a.send(toB(1));
    await net.clock.advance(100);
    net.a.wireHost.move({ v4: '198.51.100.7' });
    net.a.send(toB(2));
    await net.clock.advance(100);
    expect(net.b.records.filter((record) => record.type === 'new-address')).toHaveLength(1);
    net.b.send(toA(3));
    await net.clock.advance(100);
    expect(net.a.received).toEqual([]);
  });
});

test('nothing is left when both sides are closed', async () => {
  const net = await pair();
  net.a.send(toB());
  await net.clock.advance(1_000);
  await net[Symbol.asyncDispose]();
  expect(net.clock.pending).toBe(0);
});

test('setting the same peers again disturbs no session', async () => {
  await using net = await pair();
  net.a.send(toB(1));
  await net.clock.advance(100);
  const applied = vi.spyOn(net.a.engine, 'apply');
  net.a.tunnel.setPeers([peerOf(B)]);
  net.b.tunnel.setPeers([peerOf(A)]);
  expect(applied).not.toHaveBeenCalled();
  net.a.send(toB(2));
  await net.clock.advance(100);
  expect(net.b.received).toHaveLength(2);
  net.a.tunnel.setPeers([peerOf(B, { allowedIps: [] })]);
  expect(applied).toHaveBeenCalledWith([{ op: 'routes-set', routes: [] }]);
  expect(net.a.stat('handshake.initiations-sent')).toBe(1);
});
