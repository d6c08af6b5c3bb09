/** Hard NATs facing easier ones: what is opened and sent, within which bounds, and that packets get through. */
import { describe, expect, test } from 'vitest';
import { DiscoBox } from '../disco/disco-box.ts';
import { MAX_GUESSES, SOCKETS } from './punch.ts';
import { at, Host, longestGap, Nat, type Pair, seeded, talk, Wire } from './scene.ts';
import type { MagicsockOptions } from './types.ts';

/** A behind a NAT with a port for each destination, B behind one that lets in only whom it has written to. */
function hardAndEasy(
  nextPort: () => number,
  options: MagicsockOptions = {},
): Pair & { readonly nats: readonly Nat[] } {
  const wire = new Wire();
  wire.delayMs = 20;
  wire.relayDelayMs = 30;
  const hard = new Nat('203.0.113.1', { kind: 'hard', nextPort });
  const a = new Host(wire, ['10.0.0.1'], { nat: hard, options });
  const easy = new Nat('203.0.113.2', { kind: 'easy', nextPort: () => 20_000 });
  const b = new Host(wire, ['10.0.0.2'], { nat: easy, options });
  meet({ wire, a, b });
  return { wire, a, b, nats: [hard, easy] };
}

function meet({ a, b }: Pair): void {
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
}

const drawing = (seed: number): (() => number) => {
  const random = seeded(seed);
  return () => 1_024 + Math.floor(random() * 64_512);
};

describe('a NAT that counts', () => {
  const counting = (): (() => number) => {
    let port = 30_000;
    return () => port++;
  };

  test('is met by the ports that follow those it showed: direct in half a second', async () => {
    const scene = hardAndEasy(counting());
    await talk(scene, 500);
    expect([scene.a.mode, scene.b.mode]).toEqual(['direct', 'direct']);
    expect(scene.a.maxSockets).toBe(0);
  });

  test('that was busy meanwhile is met by opening a block of ports', async () => {
    const next = counting();
    const scene = hardAndEasy(next);
    for (let i = 0; i < 5_000; i++) next();
    await talk(scene, 6_000);
    expect([scene.a.mode, scene.b.mode]).toEqual(['direct', 'direct']);
  });
});

describe('a NAT that draws ports', () => {
  test('is passed by opening many and guessing more; the socket that won lives on alone', async () => {
    const scene = hardAndEasy(drawing(7));
    await talk(scene, 10_000);
    expect([scene.a.mode, scene.b.mode]).toEqual(['direct', 'direct']);
    expect(scene.a.sockets.size).toBe(1);
    const [via] = [...scene.a.sockets];
    expect(scene.a.paths.get(1)).toMatchObject({ via, direct: at('203.0.113.2', 20_000) });
    await talk(scene, 120_000);
    expect(scene.a.paths.get(1)).toMatchObject({ mode: 'direct', via });
    expect(scene.b.mode).toBe('direct');
  });

  test('a path that was silent for some seconds is taken again, through the same socket', async () => {
    const scene = hardAndEasy(drawing(7));
    await talk(scene, 10_000);
    const before = scene.a.paths.get(1);
    scene.wire.drop = () => true;
    await talk(scene, 12_000);
    expect(scene.a.mode).toBe('relay');
    scene.wire.drop = () => false;
    await talk(scene, 8_000);
    expect(scene.a.paths.get(1)).toMatchObject({ mode: 'direct', via: before?.via });
    expect(scene.b.mode).toBe('direct');
  });

  test('the socket of a path that is dead for good is closed, and another attempt is made', async () => {
    const scene = hardAndEasy(drawing(7));
    await talk(scene, 70_000);
    const before = scene.a.paths.get(1);
    scene.nats[0]?.rebind();
    scene.nats[1]?.rebind();
    await talk(scene, 90_000);
    expect([scene.a.mode, scene.b.mode]).toEqual(['direct', 'direct']);
    expect(scene.a.paths.get(1)?.via).not.toBe(before?.via);
    scene.wire.drop = () => true;
    await talk(scene, 70_000);
    expect(scene.a.sockets.size).toBe(0);
    expect(scene.a.mode).toBe('relay');
  });

  test('sockets over which the peer has spoken stay: it may use another than we do', async () => {
    // So few ports that many guesses meet one.
    let n = 0;
    const scene = hardAndEasy(() => 40_000 + ((n++ * 701) % 2_000));
    await talk(scene, 8_000);
    expect([scene.a.mode, scene.b.mode]).toEqual(['direct', 'direct']);
    const { via = 0 } = scene.a.paths.get(1) ?? {};
    expect(scene.a.sockets.has(via)).toBe(true);
    const lost = longestGap(scene.a, scene.wire.clock.monotonic() - 5_000, scene.wire.clock.monotonic());
    expect(lost).toBeLessThan(500);
    // When all is quiet the one in use is enough.
    await scene.wire.clock.advance(60_000);
    expect(scene.a.sockets.size).toBe(1);
  });

  test('costs a bounded number of sockets and datagrams, once in five minutes', async () => {
    const scene = hardAndEasy(drawing(7));
    const perSecond = new Map<number, number>();
    scene.wire.drop = () => {
      const second = Math.floor(scene.wire.clock.monotonic() / 1_000);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
      return true;
    };
    await talk(scene, 20_000);
    expect(scene.a.maxSockets).toBe(SOCKETS);
    expect(scene.a.sockets.size).toBe(0);
    const sent = scene.wire.sent;
    expect(sent).toBeLessThan(SOCKETS + MAX_GUESSES + 500);
    // Each side 250 a second, besides the candidates of the call.
    expect(Math.max(...perSecond.values())).toBeLessThan(650);
    await talk(scene, 200_000);
    expect(scene.a.maxSockets).toBe(SOCKETS);
    expect(scene.wire.sent - sent).toBeLessThan(6_000);
  });

  test('is left alone when the user says so', async () => {
    const scene = hardAndEasy(drawing(7), { portPrediction: false });
    await talk(scene, 20_000);
    expect(scene.a.maxSockets).toBe(0);
    expect([scene.a.mode, scene.b.mode]).toEqual(['relay', 'relay']);
    expect(scene.a.magicsock.pathOf(1).why).toEqual({ kind: 'hard-here' });
    expect(scene.b.magicsock.pathOf(1).why).toMatchObject({
      kind: expect.stringMatching(/hard-there|no-answer/),
    });
  });

  test('ends with the network under it and with the daemon: no socket stays', async () => {
    const scene = hardAndEasy(drawing(7));
    scene.wire.drop = () => true;
    await talk(scene, 2_500);
    expect(scene.a.sockets.size).toBeGreaterThan(50);
    scene.a.magicsock.networkChanged();
    expect(scene.a.sockets.size).toBe(0);
    await talk(scene, 2_500);
    expect(scene.a.sockets.size).toBeGreaterThan(50);
    await scene.a.magicsock[Symbol.asyncDispose]();
    expect(scene.a.sockets.size).toBe(0);
  });

  test('keeps its guesses with the peer: our addresses may change meanwhile', async () => {
    const scene = hardAndEasy(drawing(7));
    scene.wire.drop = () => true;
    await talk(scene, 2_500);
    const calls = (): number => scene.a.magicsock.counters()['tx.relayed-call-me-maybe'] ?? 0;
    const before = calls();
    expect(scene.a.sockets.size).toBeGreaterThan(50);
    scene.a.advertised = [...scene.a.advertised, at('203.0.113.1', 30_000)];
    scene.a.magicsock.endpointsChanged();
    expect(calls()).toBe(before);
  });

  test('a peer that leaves takes its attempt with it, and another peer gets its turn', async () => {
    const scene = hardAndEasy(drawing(7));
    scene.wire.drop = () => true;
    await talk(scene, 2_500);
    expect(scene.a.sockets.size).toBeGreaterThan(0);
    scene.a.magicsock.setPeers([]);
    expect(scene.a.sockets.size).toBe(0);
  });
});

test('both sides behind such NATs: nothing is guessed, and it is said why', async () => {
  const wire = new Wire();
  const a = new Host(wire, ['10.0.0.1'], {
    nat: new Nat('203.0.113.1', { kind: 'hard', nextPort: drawing(3) }),
  });
  const b = new Host(wire, ['10.0.0.2'], {
    nat: new Nat('203.0.113.2', { kind: 'hard', nextPort: drawing(9) }),
  });
  a.advertised = [...a.nat().ports.map(({ mapped }) => mapped)];
  b.advertised = [...b.nat().ports.map(({ mapped }) => mapped)];
  meet({ wire, a, b });
  await talk({ wire, a, b }, 10_000);
  expect([a.maxSockets, b.maxSockets]).toEqual([0, 0]);
  expect(a.magicsock.pathOf(1).why).toEqual({ kind: 'both-hard' });
  expect(a.mode).toBe('relay');
});

test('one attempt at a time, however many peers are behind the same wall', async () => {
  const scene = hardAndEasy(drawing(7));
  const other = new Host(scene.wire, ['10.0.0.3'], {
    nat: new Nat('203.0.113.3', { kind: 'easy', nextPort: () => 20_000 }),
  });
  other.region = 1;
  const list = [scene.b, other].map((host, i) => ({
    peer: i + 1,
    nodeKey: host.nodeKey,
    discoKey: host.magicsock.discoKey,
    endpoints: host.advertised,
    wireguardOnly: false,
    homeRegion: 1,
  }));
  scene.wire.drop = () => true;
  scene.a.magicsock.setPeers(list);
  for (let i = 0; i < 80; i++) {
    scene.a.traffic();
    scene.a.magicsock.wantPath(2);
    await scene.wire.clock.advance(100);
    expect(scene.a.sockets.size).toBeLessThanOrEqual(SOCKETS);
  }
});

test('ports of our own NAT are never guessed, whoever lists them', async () => {
  const wire = new Wire();
  let port = 20_000;
  const nat = new Nat('203.0.113.1', { kind: 'easy', nextPort: () => port++ });
  const a = new Host(wire, ['10.0.0.1'], { nat });
  const b = new Host(wire, ['192.0.2.2']);
  meet({ wire, a, b });
  const asked = new Set<number>();
  wire.owners.set(nat.ip, (_from, to) => asked.add(to));
  wire.drop = (_from, to) => to !== nat.ip;
  const box = new DiscoBox(b.discoPrivate);
  box.setPeers([a.magicsock.discoKey]);
  const endpoints = Array.from({ length: 300 }, (_, i) => at(nat.ip, 1_024 + i));
  const call = box.seal(a.magicsock.discoKey, { type: 'call-me-maybe', endpoints });
  if (call !== undefined) a.receiveRelayed(b.nodeKey, call);
  await wire.clock.advance(5_000);
  expect(asked.size).toBeLessThanOrEqual(32);
});
