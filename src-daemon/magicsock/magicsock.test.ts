/** Magicsocks over a simulated wire and a fake clock: paths are found, kept, followed and given up. */
import { describe, expect, test } from 'vitest';
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { type DiscoKey, nodeKeyFrom } from '#shared/key/key.ts';
import { DiscoBox } from '../disco/disco-box.ts';
import { at, Host, longestGap, type Pair, talk, Wire } from './scene.ts';
import type { PeerConfig } from './types.ts';

function pair(): Pair {
  const wire = new Wire();
  const [a, b] = [new Host(wire, ['192.0.2.1']), new Host(wire, ['192.0.2.2'])];
  a.knows(b, ['192.0.2.2']);
  b.knows(a, ['192.0.2.1']);
  return { wire, a, b };
}

describe('finding a path', () => {
  test('the first packet finds it in one round trip, and the other side knows it half a trip later', async () => {
    const { wire, a, b } = pair();
    expect(a.traffic()).toBe(false);
    await wire.clock.advance(2);
    expect(a.path).toBe('192.0.2.2');
    await wire.clock.advance(1);
    expect(b.path).toBe('192.0.2.1');
    expect(a.magicsock.pathOf(1)).toMatchObject({
      kind: 'direct',
      addr: at('192.0.2.2'),
      latencyMs: 2,
      isTrusted: true,
    });
  });

  test('each address is shown once with what became of it, and the one in use is marked', async () => {
    const wire = new Wire();
    const [a, b] = [new Host(wire, ['192.0.2.1']), new Host(wire, ['192.0.2.2'])];
    a.knows(b, ['192.0.2.2', '203.0.113.9']);
    b.knows(a, ['192.0.2.1']);
    a.traffic();
    await wire.clock.advance(10);
    expect(a.magicsock.candidatesOf(1)).toMatchObject([
      { addr: at('192.0.2.2'), isInUse: true, latencyMs: 2 },
      { addr: at('203.0.113.9'), isInUse: false, answeredAtMs: undefined },
    ]);
    expect(a.magicsock.candidatesOf(7)).toEqual([]);
  });

  test('a peer whose addresses we do not know is found when it finds us', async () => {
    const wire = new Wire();
    const [a, b] = [new Host(wire, ['192.0.2.1']), new Host(wire, ['192.0.2.2'])];
    a.knows(b, ['192.0.2.2']);
    b.knows(a);
    a.traffic();
    await wire.clock.advance(10);
    expect(b.path).toBe('192.0.2.1');
  });

  test('an address of the same network wins over one further away', async () => {
    const wire = new Wire();
    const [a, b] = [new Host(wire, ['10.0.0.1']), new Host(wire, ['203.0.113.2', '10.0.0.2'])];
    a.knows(b, ['203.0.113.2', '10.0.0.2']);
    b.knows(a, ['10.0.0.1']);
    a.traffic();
    await wire.clock.advance(10);
    expect(a.path).toBe('10.0.0.2');
  });

  test('IPv6 wins over IPv4 at equal cost', async () => {
    const wire = new Wire();
    const [a, b] = [
      new Host(wire, ['203.0.113.1', '2001:db8::1']),
      new Host(wire, ['203.0.113.2', '2001:db8::2']),
    ];
    a.knows(b, ['203.0.113.2', '2001:db8::2']);
    b.knows(a, []);
    a.traffic();
    await wire.clock.advance(10);
    expect(a.path).toBe('2001:db8::2');
  });

  test('lost first pings are repeated within the second', async () => {
    const { wire, a, b } = pair();
    let lost = 0;
    wire.drop = () => lost++ < 2;
    a.traffic();
    await wire.clock.advance(1_500);
    expect(a.path).toBe('192.0.2.2');
    expect(b.path).toBe('192.0.2.1');
  });

  test('new endpoints from the map are tried at once by a session that has no path', async () => {
    const { wire, a, b } = pair();
    a.knows(b, ['198.51.100.9']);
    a.traffic();
    await wire.clock.advance(100);
    expect(a.path).toBeUndefined();
    a.knows(b, ['192.0.2.2']);
    await wire.clock.advance(2);
    expect(a.path).toBe('192.0.2.2');
  });
});

describe('meeting', () => {
  test('both sides are told once when one finds the other', async () => {
    const { wire, a, b } = pair();
    a.traffic();
    await wire.clock.advance(50);
    expect([a.met, b.met]).toEqual([0, 0]);
    await wire.clock.advance(50);
    expect([a.met, b.met]).toEqual([1, 1]);
  });

  test('a session that goes on is no meeting', async () => {
    const scene = pair();
    await talk(scene, 60_000);
    expect([scene.a.met, scene.b.met]).toEqual([1, 1]);
  });
});

describe('keeping a path', () => {
  test('an engine that forgot the path is told again when it asks', async () => {
    const scene = pair();
    await talk(scene, 1_000);
    scene.a.paths.clear();
    scene.a.traffic();
    expect(scene.a.path).toBe('192.0.2.2');
  });

  test('ten idle minutes send nothing and wait for nothing', async () => {
    const scene = pair();
    await talk(scene, 5_000);
    await scene.wire.clock.advance(60_000);
    const before = scene.wire.sent;
    await scene.wire.clock.advance(600_000);
    expect(scene.wire.sent).toBe(before);
    expect(scene.wire.clock.pending).toBe(0);
    expect(scene.a.path).toBe('192.0.2.2');
  });

  test('an active session pings its path about each three seconds and trusts it throughout', async () => {
    const scene = pair();
    await talk(scene, 1_000);
    const before = scene.a.magicsock.counters()['tx.ping'] ?? 0;
    for (let i = 0; i < 30; i++) {
      await talk(scene, 1_000);
      expect(scene.a.magicsock.pathOf(1)).toMatchObject({ isTrusted: true });
    }
    expect((scene.a.magicsock.counters()['tx.ping'] ?? 0) - before).toBe(10);
  });

  test('a tenth of all datagrams lost does not move the path', async () => {
    const scene = pair();
    await talk(scene, 1_000);
    let n = 0;
    scene.wire.drop = () => n++ % 10 === 0;
    await talk(scene, 60_000);
    expect(scene.a.path).toBe('192.0.2.2');
    expect(scene.b.path).toBe('192.0.2.1');
  });
});

describe('following changes', () => {
  test('one side moves: traffic both ways goes on within a second', async () => {
    const scene = pair();
    await talk(scene, 10_000);
    const movedAt = scene.wire.clock.monotonic();
    scene.b.move('192.0.2.77');
    await talk(scene, 5_000);
    const end = scene.wire.clock.monotonic();
    expect(scene.a.path).toBe('192.0.2.77');
    expect(longestGap(scene.a, movedAt, end)).toBeLessThan(300);
    expect(longestGap(scene.b, movedAt, end)).toBeLessThan(1_000);
  });

  test('one side moves and does not notice: its packets show it', async () => {
    const scene = pair();
    await talk(scene, 10_000);
    const movedAt = scene.wire.clock.monotonic();
    // The socket sends from the new address, but nobody tells the magicsock.
    scene.wire.owners.delete('192.0.2.2');
    scene.wire.owners.set('192.0.2.77', (from, _port, data) => scene.b.receive(from, data));
    const carry = scene.wire.carry.bind(scene.wire);
    scene.wire.carry = (from, to, datagram) =>
      carry(from.ip === '192.0.2.2' ? at('192.0.2.77') : from, to, datagram);
    await talk(scene, 5_000);
    expect(scene.a.path).toBe('192.0.2.77');
    expect(longestGap(scene.b, movedAt, scene.wire.clock.monotonic())).toBeLessThan(1_000);
  });

  test('both sides move at once: the map brings them together', async () => {
    const scene = pair();
    await talk(scene, 10_000);
    scene.a.move('192.0.2.66');
    scene.b.move('192.0.2.77');
    await talk(scene, 400);
    scene.a.knows(scene.b, ['192.0.2.77']);
    await talk(scene, 2_000);
    expect(scene.a.path).toBe('192.0.2.77');
    expect(scene.b.path).toBe('192.0.2.66');
  });

  test('a dead path is still used while nothing better is known, and trusted again when it lives', async () => {
    const scene = pair();
    await talk(scene, 5_000);
    scene.wire.drop = () => true;
    await talk(scene, 30_000);
    expect(scene.a.path).toBe('192.0.2.2');
    expect(scene.a.magicsock.pathOf(1)).toMatchObject({ isTrusted: false });
    scene.wire.drop = () => false;
    await talk(scene, 6_000);
    expect(scene.a.magicsock.pathOf(1)).toMatchObject({ isTrusted: true });
  });

  test('when the best address dies another that answers takes over in two seconds after the next heartbeat', async () => {
    const wire = new Wire();
    const [a, b] = [new Host(wire, ['10.0.0.1']), new Host(wire, ['10.0.0.2', '203.0.113.2'])];
    const scene = { wire, a, b };
    a.knows(b, ['10.0.0.2', '203.0.113.2']);
    b.knows(a, ['10.0.0.1']);
    await talk(scene, 10_000);
    expect(a.path).toBe('10.0.0.2');
    wire.drop = (from, to) => [from, to].includes('10.0.0.2') && to === '10.0.0.2';
    await talk(scene, 5_000);
    expect(a.path).toBe('203.0.113.2');
  });

  test('an address that came back is taken again, being better', async () => {
    const wire = new Wire();
    const [a, b] = [new Host(wire, ['10.0.0.1']), new Host(wire, ['10.0.0.2', '203.0.113.2'])];
    const scene = { wire, a, b };
    a.knows(b, ['10.0.0.2', '203.0.113.2']);
    b.knows(a, ['10.0.0.1']);
    await talk(scene, 10_000);
    wire.drop = (_from, to) => to === '10.0.0.2';
    await talk(scene, 5_000);
    wire.drop = () => false;
    wire.delayMs = 4;
    await talk(scene, 70_000);
    expect(a.path).toBe('10.0.0.2');
  });

  test('an unreachable address is left at once for another that answered', async () => {
    const wire = new Wire();
    const [a, b] = [new Host(wire, ['10.0.0.1']), new Host(wire, ['10.0.0.2', '203.0.113.2'])];
    a.knows(b, ['10.0.0.2', '203.0.113.2']);
    b.knows(a, ['10.0.0.1']);
    a.traffic();
    await wire.clock.advance(10);
    a.magicsock.pathError(1, 'ECONNREFUSED');
    expect(a.path).toBe('10.0.0.2');
    a.magicsock.pathError(1, 'EHOSTUNREACH');
    expect(a.path).toBe('203.0.113.2');
  });
});

describe('what arrives', () => {
  const stranger = (): DiscoBox => new DiscoBox(generatePrivate());
  const ping = { type: 'ping', txId: new Uint8Array(12), nodeKey: undefined, padding: 0 } as const;
  const sealedFor = (
    sender: DiscoBox,
    to: DiscoKey,
    message: Parameters<DiscoBox['seal']>[1],
  ): Uint8Array => {
    sender.setPeers([to]);
    return sender.seal(to, message) ?? new Uint8Array();
  };

  test('a stranger gets no answer', async () => {
    const { wire, a } = pair();
    a.magicsock.handleDisco(at('192.0.2.66'), sealedFor(stranger(), a.magicsock.discoKey, ping));
    await wire.clock.advance(1_000);
    expect(wire.sent).toBe(0);
    expect(a.magicsock.counters()).toEqual({ 'drop.unknown-sender': 1 });
  });

  test('call-me-maybe is not believed over UDP', () => {
    const { wire, a, b } = pair();
    const twin = new DiscoBox(b.discoPrivate);
    const message = { type: 'call-me-maybe', endpoints: [at('192.0.2.66')] } as const;
    a.magicsock.handleDisco(at('192.0.2.2'), sealedFor(twin, a.magicsock.discoKey, message));
    expect(wire.sent).toBe(0);
    expect(a.magicsock.counters()).toMatchObject({ 'drop.call-me-maybe-over-udp': 1 });
  });

  test('the same ping twice is answered once', () => {
    const { a, b } = pair();
    const datagram = sealedFor(new DiscoBox(b.discoPrivate), a.magicsock.discoKey, ping);
    a.magicsock.handleDisco(at('192.0.2.2'), datagram);
    a.magicsock.handleDisco(at('192.0.2.2'), datagram);
    expect(a.magicsock.counters()).toMatchObject({ 'rx.ping': 2, 'tx.pong': 1 });
  });

  test('two peers that share a disco key get one pong, and the one that did not ping is found there too', async () => {
    const { wire, a, b } = pair();
    const config = a.knows(b, ['192.0.2.2']);
    const other = { ...config, peer: 2, nodeKey: nodeKeyFrom(publicOf(generatePrivate())), endpoints: [] };
    a.magicsock.setPeers([config, other]);
    b.traffic();
    await wire.clock.advance(10);
    expect(a.magicsock.counters()['tx.pong']).toBe(1);
    expect(a.paths.get(1)).toEqual({ mode: 'direct', direct: at('192.0.2.2') });
    expect(a.paths.get(2)).toBeUndefined();
    a.magicsock.wantPath(2);
    await wire.clock.advance(10);
    expect(a.paths.get(2)).toEqual({ mode: 'direct', direct: at('192.0.2.2') });
  });

  test('disco from inside the tunnel is no path', async () => {
    const { wire, a, b } = pair();
    a.magicsock.handleDisco(
      at('100.64.0.2'),
      sealedFor(new DiscoBox(b.discoPrivate), a.magicsock.discoKey, ping),
    );
    await wire.clock.advance(1_000);
    expect(wire.sent).toBe(0);
  });
});

describe('a ping on request', () => {
  test('tells the endpoint and the time it took', async () => {
    const { wire, a } = pair();
    const answer = a.magicsock.ping(1, neverAborts());
    await wire.clock.advance(10);
    await expect(answer).resolves.toEqual({ endpoint: at('192.0.2.2'), latencyMs: 2 });
  });

  test('ends when it is cancelled', async () => {
    const { wire, a } = pair();
    wire.drop = () => true;
    const stop = new AbortController();
    const answer = a.magicsock.ping(1, stop.signal);
    stop.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
    await expect(a.magicsock.ping(1, stop.signal)).rejects.toThrow('enough');
  });

  test.each([
    ['a machine that is not there', 7, 'no path is kept'],
    ['a machine without addresses', 1, 'no address of this machine'],
  ])('says what is wrong: %s', async (_name, id, text) => {
    const { a, b } = pair();
    a.knows(b, []);
    await expect(a.magicsock.ping(id, neverAborts())).rejects.toThrow(text);
  });

  test('ends when the machine leaves or the daemon stops', async () => {
    const { wire, a, b } = pair();
    wire.drop = () => true;
    const first = a.magicsock.ping(1, neverAborts());
    a.magicsock.setPeers([]);
    await expect(first).rejects.toThrow('left the network');
    a.knows(b, ['192.0.2.2']);
    const second = a.magicsock.ping(1, neverAborts());
    await a.magicsock[Symbol.asyncDispose]();
    await expect(second).rejects.toThrow('left the network');
    await wire.clock.advance(60_000);
    expect(wire.clock.pending).toBe(0);
  });
});

describe('other peers', () => {
  test('a plain WireGuard peer gets its first address, follows what the engine learns, and is not pinged', async () => {
    const { wire, a, b } = pair();
    const plain = { ...a.knows(b), discoKey: undefined, wireguardOnly: true, endpoints: [at('192.0.2.9')] };
    a.magicsock.setPeers([plain]);
    expect(a.path).toBe('192.0.2.9');
    a.magicsock.newAddress(1, at('192.0.2.10'));
    a.magicsock.setPeers([{ ...plain, endpoints: [at('192.0.2.11')] }]);
    expect(a.magicsock.pathOf(1)).toMatchObject({ addr: at('192.0.2.10'), isTrusted: true });
    await expect(a.magicsock.ping(1, neverAborts())).rejects.toThrow('plain WireGuard');
    expect(wire.sent).toBe(0);
  });

  test('a plain WireGuard peer that stays silent is tried at its next address', async () => {
    const { wire, a, b } = pair();
    wire.drop = () => true;
    const endpoints = [at('192.0.2.9'), at('192.0.2.10')];
    a.magicsock.setPeers([{ ...a.knows(b), discoKey: undefined, wireguardOnly: true, endpoints }]);
    a.traffic();
    await wire.clock.advance(5_100);
    expect(a.path).toBe('192.0.2.10');
    await wire.clock.advance(60_000);
    expect(wire.clock.pending).toBe(0);
  });

  test('a peer with neither disco key nor plain WireGuard has no path', () => {
    const { a, b } = pair();
    a.magicsock.setPeers([{ ...a.knows(b), discoKey: undefined }]);
    expect(a.magicsock.pathOf(1)).toMatchObject({ kind: 'none', why: { kind: 'no-disco' } });
  });

  test('ten thousand idle peers cost no timer, and a repeated list no work', () => {
    const wire = new Wire();
    const a = new Host(wire, ['192.0.2.1']);
    const list = Array.from({ length: 10_000 }, (_, i): PeerConfig => {
      const raw = new Uint8Array(32).fill(1);
      new DataView(raw.buffer).setUint32(0, i);
      return {
        peer: i + 1,
        nodeKey: nodeKeyFrom(raw),
        discoKey: `discokey:${nodeKeyFrom(raw).slice(8)}` as DiscoKey,
        endpoints: [at('192.0.2.2')],
        wireguardOnly: false,
      };
    });
    a.magicsock.setPeers(list);
    a.magicsock.setPeers(list);
    a.magicsock.networkChanged();
    expect(wire.clock.pending).toBe(0);
    expect(wire.sent).toBe(0);
  });
});

function neverAborts(): AbortSignal {
  return new AbortController().signal;
}
