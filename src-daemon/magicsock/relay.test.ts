/** Magicsocks with a relay between them: the first packet, the change to a direct path, and back when it dies. */
import { describe, expect, test } from 'vitest';
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { DiscoBox } from '../disco/disco-box.ts';
import { at, Host, longestGap, Nat, type Pair, talk, Wire } from './scene.ts';

/** Two machines behind NATs that let in only whom they have written to; 20 ms to each other, 30 ms by relay. */
function behindNats(): Pair & { readonly nats: readonly Nat[] } {
  const wire = new Wire();
  wire.delayMs = 20;
  wire.relayDelayMs = 30;
  let port = 20_000;
  const nats = ['203.0.113.1', '203.0.113.2'].map(
    (ip) => new Nat(ip, { kind: 'easy', nextPort: () => port++ }),
  );
  const [a, b] = nats.map((nat, i) => new Host(wire, [`10.0.0.${i + 1}`], { nat })) as [Host, Host];
  a.region = b.region = 1;
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const)
    one.magicsock.setPeers([
      {
        peer: 1,
        nodeKey: other.nodeKey,
        discoKey: other.magicsock.discoKey,
        endpoints: other.advertised,
        wireguardOnly: false,
        homeRegion: 1,
      },
    ]);
  return { wire, a, b, nats };
}

/** Two machines without NATs that know each other's address and a relay. */
function inTheOpen(): Pair {
  const wire = new Wire();
  const [a, b] = [new Host(wire, ['192.0.2.1']), new Host(wire, ['192.0.2.2'])];
  a.region = b.region = 1;
  a.knows(b, ['192.0.2.2'], 1);
  b.knows(a, ['192.0.2.1'], 1);
  return { wire, a, b };
}

describe('the first packet', () => {
  test('goes by relay at once and waits for nothing', async () => {
    const { wire, a, b } = behindNats();
    expect(a.traffic()).toBe(true);
    await wire.clock.advance(30);
    expect(b.received).toHaveLength(1);
    expect(a.magicsock.pathOf(1)).toMatchObject({ kind: 'relay', region: 1, why: { kind: 'searching' } });
  });

  test('opens both NATs: a direct path stands on both sides within 150 ms', async () => {
    const { wire, a, b } = behindNats();
    a.traffic();
    await wire.clock.advance(150);
    expect([a.path, b.path]).toEqual(['203.0.113.2', '203.0.113.1']);
    expect([a.mode, b.mode]).toEqual(['direct', 'direct']);
  });

  test('a call-me-maybe is never answered with one', async () => {
    const { wire, a, b } = behindNats();
    wire.drop = () => true;
    a.traffic();
    await wire.clock.advance(4_000);
    expect(a.magicsock.counters()['tx.relayed-call-me-maybe']).toBe(1);
    expect(b.magicsock.counters()['tx.relayed-call-me-maybe']).toBeUndefined();
  });

  test('reaches a peer of whom no address is known: its pings find us', async () => {
    const { wire, a, b } = inTheOpen();
    a.knows(b, [], 1);
    b.knows(a, [], 1);
    a.traffic();
    await wire.clock.advance(50);
    expect([a.path, b.path]).toEqual(['192.0.2.2', '192.0.2.1']);
  });

  test('a search that leads nowhere calls again each five seconds', async () => {
    const scene = behindNats();
    scene.wire.drop = () => true;
    await talk(scene, 60_000);
    const calls = scene.a.magicsock.counters()['tx.relayed-call-me-maybe'] ?? 0;
    expect(calls).toBeGreaterThanOrEqual(10);
    expect(calls).toBeLessThanOrEqual(13);
  });

  test('old addresses are asked about before the peer is called', async () => {
    const { wire, a } = behindNats();
    a.endpointsAgeMs = 28_000;
    a.traffic();
    await wire.clock.advance(10);
    expect(a.magicsock.counters()['tx.relayed-call-me-maybe']).toBeUndefined();
    await wire.clock.advance(20);
    expect([a.refreshed, a.magicsock.counters()['tx.relayed-call-me-maybe']]).toEqual([1, 1]);
  });

  test('a handshake lost while the relay was being dialled is made up for when the relay is there', async () => {
    const { wire, a } = behindNats();
    wire.drop = () => true;
    a.traffic();
    await wire.clock.advance(200);
    a.magicsock.relayChanged();
    // An ordinary handshake may still be on its way.
    expect(a.met).toBe(0);
    await wire.clock.advance(200);
    a.magicsock.relayChanged();
    expect(a.met).toBe(1);
    // Not with each of the states that a connection goes through.
    for (let i = 0; i < 10; i++) {
      await wire.clock.advance(20);
      a.magicsock.relayChanged();
    }
    expect(a.met).toBe(1);
  });

  test('a relay that comes and goes has the peer neither pinged nor called each time', async () => {
    const { wire, a } = behindNats();
    wire.drop = () => true;
    a.traffic();
    for (let i = 0; i < 100; i++) {
      a.region = i % 2 === 0 ? undefined : 1;
      a.magicsock.relayChanged();
      await wire.clock.advance(100);
    }
    const { 'tx.ping': pings = 0, 'tx.relayed-call-me-maybe': calls = 0 } = a.magicsock.counters();
    expect(pings).toBeLessThanOrEqual(8);
    expect(calls).toBeLessThanOrEqual(3);
  });

  test('addresses that change after the call are told too while the search goes on', async () => {
    const { wire, a } = behindNats();
    wire.drop = () => true;
    a.traffic();
    a.magicsock.endpointsChanged();
    expect(a.magicsock.counters()['tx.relayed-call-me-maybe']).toBe(1);
    a.advertised = [...a.advertised, at('203.0.113.1', 30_000)];
    a.magicsock.endpointsChanged();
    expect(a.magicsock.counters()['tx.relayed-call-me-maybe']).toBe(2);
  });
});

describe('when the direct path dies', () => {
  test.each([0, 500, 1_000, 1_500, 2_000, 2_500])(
    'the relay carries a copy within two seconds, %i ms after the last look',
    async (offsetMs) => {
      const scene = behindNats();
      await talk(scene, 10_000 + offsetMs);
      scene.wire.drop = () => true;
      const diedAt = scene.wire.clock.monotonic();
      await talk(scene, 10_000);
      const end = scene.wire.clock.monotonic();
      expect(longestGap(scene.a, diedAt - 1, end)).toBeLessThan(2_000);
      expect(longestGap(scene.b, diedAt - 1, end)).toBeLessThan(2_000);
    },
  );

  test('it is given up five seconds later, said why, and taken again when it lives', async () => {
    const scene = behindNats();
    await talk(scene, 10_000);
    scene.wire.drop = () => true;
    await talk(scene, 8_000);
    expect(scene.a.magicsock.pathOf(1)).toMatchObject({ kind: 'relay', why: { kind: 'lost' } });
    await talk(scene, 20_000);
    expect(scene.a.magicsock.pathOf(1).why).toMatchObject({ kind: 'no-answer', addresses: 1 });
    scene.wire.drop = () => false;
    await talk(scene, 6_000);
    expect([scene.a.mode, scene.b.mode]).toEqual(['direct', 'direct']);
  });

  test('one lost pong while data flows puts nothing on the relay', async () => {
    const scene = behindNats();
    await talk(scene, 10_000);
    const relayed = scene.wire.relayed;
    let lost = 0;
    scene.wire.drop = (_from, _to, datagram) => datagram.length === 110 && lost++ < 1;
    await talk(scene, 9_000);
    expect(lost).toBeGreaterThan(0);
    expect(scene.wire.relayed).toBe(relayed);
  });

  test('our network changed: the relay carries at once', async () => {
    const scene = behindNats();
    await talk(scene, 10_000);
    scene.a.magicsock.networkChanged();
    expect(scene.a.mode).toBe('relay');
    await talk(scene, 500);
    expect(scene.a.mode).toBe('direct');
  });

  test('the OS can not reach it: the relay carries at once', async () => {
    const scene = inTheOpen();
    await talk(scene, 5_000);
    scene.wire.drop = () => true;
    scene.a.magicsock.pathError(1, 'ENETUNREACH');
    expect(scene.a.mode).toBe('relay');
  });

  test('a machine that slept proves everything anew', async () => {
    const scene = behindNats();
    await talk(scene, 10_000);
    // Timers stand still while the engine's clock goes on.
    const asleep = scene.wire.clock.monotonic.bind(scene.wire.clock);
    scene.wire.clock.monotonic = () => asleep() + 60_000;
    scene.wire.drop = () => true;
    await scene.wire.clock.advance(600);
    expect(scene.a.mode).toBe('relay');
  });
});

describe('a NAT that forgets its ports', () => {
  test.each([[[0]], [[1]], [[0, 1]]])(
    '(of machine %j): two seconds without packets, and direct again in four',
    async (which) => {
      const scene = behindNats();
      await talk(scene, 11_000);
      for (const i of which) scene.nats[i]?.rebind();
      const atMs = scene.wire.clock.monotonic();
      await talk(scene, 4_000);
      const end = scene.wire.clock.monotonic();
      expect([scene.a.mode, scene.b.mode]).toEqual(['direct', 'direct']);
      expect(longestGap(scene.a, atMs - 1, end)).toBeLessThan(2_000);
      expect(longestGap(scene.b, atMs - 1, end)).toBeLessThan(2_000);
    },
  );
});

describe('a path that answers pings but loses data', () => {
  const isData = (datagram: Uint8Array): boolean => datagram.length === 4;

  test('from the beginning: is left for the relay, and said why', async () => {
    const scene = inTheOpen();
    scene.wire.drop = (_from, _to, datagram) => isData(datagram);
    await talk(scene, 5_000);
    expect(scene.a.mode).toBe('direct+relay');
    await talk(scene, 14_000);
    expect(scene.a.mode).toBe('relay');
    expect(scene.a.magicsock.pathOf(1)).toMatchObject({ kind: 'relay', why: { kind: 'control-only' } });
    expect(scene.b.mode).toBe('relay');
  });

  test('in the middle of a conversation: neither side waits for five seconds', async () => {
    const scene = inTheOpen();
    await talk(scene, 6_000);
    const atMs = scene.wire.clock.monotonic();
    scene.wire.drop = (_from, _to, datagram) => isData(datagram);
    await talk(scene, 16_000);
    const endMs = scene.wire.clock.monotonic();
    expect(longestGap(scene.a, atMs, endMs)).toBeLessThan(4_500);
    expect(longestGap(scene.b, atMs, endMs)).toBeLessThan(4_500);
    expect([scene.a.mode, scene.b.mode]).toEqual(['relay', 'relay']);
  });

  test('is noticed as soon when the address changes meanwhile', async () => {
    const scene = inTheOpen();
    await talk(scene, 6_000);
    const atMs = scene.wire.clock.monotonic();
    scene.wire.drop = (_from, _to, datagram) => isData(datagram);
    await talk(scene, 2_000);
    // Another address of the peer answers faster and is taken instead; data is lost there as well.
    scene.b.move('192.0.2.2', '10.0.0.2');
    scene.a.knows(scene.b, ['192.0.2.2', '10.0.0.2'], 1);
    await talk(scene, 8_000);
    expect(longestGap(scene.b, atMs, scene.wire.clock.monotonic())).toBeLessThan(4_500);
  });

  test('is tried again with growing pauses and taken when data passes', async () => {
    const scene = inTheOpen();
    scene.wire.drop = (_from, _to, datagram) => isData(datagram);
    await talk(scene, 30_000);
    expect(scene.a.mode).toBe('relay');
    scene.wire.drop = () => false;
    await talk(scene, 60_000);
    expect([scene.a.mode, scene.b.mode]).toEqual(['direct', 'direct']);
  });

  test('a peer that has nothing more to say is not mistaken for it, but for the first seconds', async () => {
    const scene = inTheOpen();
    await talk(scene, 5_000);
    let relayed = scene.wire.relayed;
    // One-way traffic, answered by a keepalive each ten seconds as WireGuard does.
    for (let s = 0; s < 60; s++) {
      if (s === 11) relayed = scene.wire.relayed;
      for (let i = 0; i < 10; i++) {
        scene.a.traffic();
        await scene.wire.clock.advance(100);
      }
      if (s % 10 === 9) scene.b.traffic();
    }
    expect(scene.a.mode).toBe('direct');
    expect(scene.wire.relayed).toBe(relayed);
  });
});

describe('relays', () => {
  test('a relay that is found later is used from then on', async () => {
    const scene = behindNats();
    scene.wire.drop = () => true;
    scene.a.region = undefined;
    scene.a.magicsock.relayChanged();
    expect(scene.a.traffic()).toBe(false);
    scene.a.region = 2;
    scene.a.magicsock.relayChanged();
    expect(scene.a.paths.get(1)).toEqual({ mode: 'relay', relayRegion: 2 });
    expect(scene.a.magicsock.counters()['tx.relayed-call-me-maybe']).toBe(1);
  });

  test('a peer that its relay does not know is not sent a handshake for each word of that', async () => {
    const scene = behindNats();
    scene.wire.drop = () => true;
    for (let s = 0; s < 20; s++) {
      scene.a.traffic();
      await scene.wire.clock.advance(1_000);
      scene.a.magicsock.relayPeerGone(scene.b.nodeKey);
    }
    expect(scene.a.met).toBe(0);
  });

  test('a peer that moves to another home is followed', () => {
    const { a, b } = behindNats();
    a.knows(b, [], undefined);
    expect(a.mode).toBe('none');
    a.knows(b, [], 1);
    expect(a.mode).toBe('relay');
  });

  test('a peer without a disco key is reached by relay alone', async () => {
    const { wire, a, b } = inTheOpen();
    a.magicsock.setPeers([{ ...a.knows(b, ['192.0.2.2'], 1), discoKey: undefined }]);
    expect(a.traffic()).toBe(true);
    await wire.clock.advance(1_000);
    expect(a.magicsock.counters()['tx.ping']).toBeUndefined();
    expect(a.magicsock.pathOf(1)).toMatchObject({ kind: 'relay', why: { kind: 'no-disco' } });
  });

  test('an hour of silence costs nothing and leaves no timer', async () => {
    const scene = behindNats();
    await talk(scene, 5_000);
    await scene.wire.clock.advance(60_000);
    const { sent, relayed } = scene.wire;
    await scene.wire.clock.advance(3_600_000);
    expect([scene.wire.sent, scene.wire.relayed]).toEqual([sent, relayed]);
    expect(scene.wire.clock.pending).toBe(0);
  });

  test('the first packet after an hour goes both ways, and the path is trusted again within 150 ms', async () => {
    const scene = behindNats();
    await talk(scene, 5_000);
    await scene.wire.clock.advance(3_600_000);
    scene.a.traffic();
    expect(scene.a.mode).not.toBe('direct');
    await scene.wire.clock.advance(150);
    expect([scene.a.mode, scene.b.mode]).toEqual(['direct', 'direct']);
  });

  test('a session in which only the peer speaks goes on', async () => {
    const scene = behindNats();
    await talk(scene, 5_000);
    for (let s = 0; s < 120; s++) {
      scene.b.traffic();
      await scene.wire.clock.advance(1_000);
    }
    expect(scene.a.mode).toBe('direct');
  });
});

describe('pings on request', () => {
  const never = new AbortController().signal;

  test('are answered by relay while there is no direct path', async () => {
    const { wire, a } = behindNats();
    wire.drop = () => true;
    const answer = a.magicsock.ping(1, never);
    await wire.clock.advance(100);
    await expect(answer).resolves.toEqual({ region: 1, latencyMs: 60 });
  });

  test('name the direct path once there is one', async () => {
    const scene = behindNats();
    await talk(scene, 2_000);
    const answer = scene.a.magicsock.ping(1, never);
    await scene.wire.clock.advance(100);
    await expect(answer).resolves.toEqual({ endpoint: at('203.0.113.2', 20_001), latencyMs: 40 });
  });
});

describe('what a relay delivers', () => {
  const calls = { type: 'call-me-maybe', endpoints: [at('192.0.2.66')] } as const;

  test('a call in the name of a key that is not the sender’s is dropped', () => {
    const { wire, a, b } = inTheOpen();
    const stranger = new DiscoBox(generatePrivate());
    stranger.setPeers([a.magicsock.discoKey]);
    const forged = stranger.seal(a.magicsock.discoKey, calls) ?? new Uint8Array();
    a.magicsock.handleRelayedDisco(1, b.nodeKey, forged);
    a.magicsock.handleRelayedDisco(1, a.nodeKey, forged);
    expect(a.magicsock.counters()).toEqual({ 'drop.unknown-sender': 1, 'drop.relayed-stranger': 1 });
    expect(wire.sent).toBe(0);
  });

  test('a call that another peer sends with a key that we know is dropped', () => {
    const { wire, a, b } = inTheOpen();
    const c = new Host(wire, ['192.0.2.3']);
    const list = [a.knows(b, [], 1), { ...a.knows(c, [], 1), peer: 2 }];
    a.magicsock.setPeers(list);
    const twin = new DiscoBox(b.discoPrivate);
    twin.setPeers([a.magicsock.discoKey]);
    const sealed = twin.seal(a.magicsock.discoKey, calls) ?? new Uint8Array();
    a.magicsock.handleRelayedDisco(1, c.nodeKey, sealed);
    expect(a.magicsock.counters()).toEqual({ 'drop.relayed-wrong-key': 1 });
  });

  test('a call that lists three thousand addresses, loopback, ours and the tunnel’s is bounded', async () => {
    const { wire, a, b } = inTheOpen();
    a.knows(b, [], 1);
    b.knows(a, [], 1);
    const hostile = [
      at('127.0.0.1'),
      at('224.0.0.1'),
      at('100.64.0.7'),
      at('0.0.0.0'),
      at('192.0.2.1'),
      at('::1'),
      ...Array.from({ length: 3_000 }, (_, i) => at(`198.51.${i >> 8}.${i & 255}`, 53)),
    ];
    const twin = new DiscoBox(b.discoPrivate);
    twin.setPeers([a.magicsock.discoKey]);
    const targets: string[] = [];
    wire.drop = (_from, to) => targets.push(to) > 0;
    for (let i = 0; i < 600; i++) {
      const message = { type: 'call-me-maybe', endpoints: hostile.slice(0, 2_000) } as const;
      a.magicsock.handleRelayedDisco(
        1,
        b.nodeKey,
        twin.seal(a.magicsock.discoKey, message) ?? new Uint8Array(),
      );
      await wire.clock.advance(100);
    }
    expect(targets.filter((ip) => !ip.startsWith('198.51.'))).toEqual([]);
    expect(new Set(targets).size).toBeLessThanOrEqual(32);
    // 300 at once, and 600 a minute.
    expect(targets.length).toBeLessThanOrEqual(910);
  });
});

test('a peer that tells its new disco key through the tunnel is found again before the map knows', async () => {
  const scene = inTheOpen();
  await talk(scene, 3_000);
  const c = new Host(scene.wire, ['192.0.2.2']);
  c.region = 1;
  c.knows(scene.a, ['192.0.2.1'], 1);
  scene.a.magicsock.adoptDiscoKey(1, c.magicsock.discoKey);
  await scene.wire.clock.advance(10);
  expect(scene.a.magicsock.pathOf(1)).toMatchObject({ isTrusted: true });
  // The map still names the old key: the peer knows better.
  scene.a.knows(scene.b, ['192.0.2.2'], 1);
  await talk({ ...scene, b: c }, 10_000);
  expect(scene.a.magicsock.pathOf(1)).toMatchObject({ kind: 'direct', isTrusted: true });
});
