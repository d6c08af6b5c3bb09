/** The core alone: two of them joined by hand, and what forged, late and foreign messages do to it (nothing). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { importPrivate } from '#shared/crypto/x25519.ts';
import { privateKeyFrom } from '#shared/key/key.ts';
import { WireGuardCore } from './core.ts';
import type { CoreEffect, CorePeer, NewKeypair } from './core-types.ts';

const at = (nowMs: number) => ({ nowMs: 1_000_000 + nowMs, wallMs: 1_700_000_000_000 + nowMs });
const key = (byte: number) => privateKeyFrom(new Uint8Array(32).fill(byte));
const publicOf = (byte: number): Uint8Array => importPrivate(key(byte)).publicRaw;
const core = (byte: number): WireGuardCore => new WireGuardCore({ privateKey: key(byte), random: () => 0.5 });

const FROM = { ip: '192.0.2.9', port: 9 };
const PEER = 3;
const source = { from: FROM, peer: PEER };

const peer = (byte: number, extra: Partial<CorePeer> = {}): CorePeer => ({
  peer: PEER,
  publicKey: publicOf(byte),
  ...extra,
});

function sentIn(effects: readonly CoreEffect[]): Uint8Array {
  const send = effects.find((effect) => effect.do === 'send');
  if (send?.do !== 'send') throw new Error('nothing was sent');
  return send.data;
}

function keysIn(effects: readonly CoreEffect[]): NewKeypair {
  const install = effects.find((effect) => effect.do === 'install');
  if (install?.do !== 'install') throw new Error('no keys came out');
  return install.keypair;
}

function pair(extra: Partial<CorePeer> = {}): { readonly a: WireGuardCore; readonly b: WireGuardCore } {
  const [a, b] = [core(1), core(2)];
  a.setPeers([peer(2, extra)], at(0));
  b.setPeers([peer(1, extra)], at(0));
  return { a, b };
}

const kinds = (effects: readonly CoreEffect[]): string[] => effects.map((effect) => effect.do);

test('a handshake ends with crossed keys, installed before the response leaves', () => {
  const { a, b } = pair({ presharedKey: new Uint8Array(32).fill(7) });
  const first = a.need(PEER, false, at(0));
  expect(kinds(first)).toEqual(['pending-add', 'send']);
  const second = b.receive(sentIn(first), { from: FROM, peer: undefined }, at(1));
  expect(kinds(second)).toEqual(['heard', 'install', 'send']);
  const third = a.receive(sentIn(second), source, at(2));
  expect(kinds(third)).toEqual(['heard', 'install']);
  const [ours, theirs] = [keysIn(third), keysIn(second)];
  expect(ours.sendKey).toEqual(theirs.receiveKey);
  expect(ours.receiveKey).toEqual(theirs.sendKey);
  expect([ours.localIndex, ours.remoteIndex]).toEqual([theirs.remoteIndex, theirs.localIndex]);
  expect([ours.role, theirs.role]).toEqual(['initiator', 'responder']);
  expect(a.status(PEER, at(3))).toEqual({ lastHandshakeAt: at(2).wallMs, state: 'established' });
  expect(b.status(PEER, at(3))?.state).toBe('none');
  b.confirmed(PEER, at(4));
  expect(b.status(PEER, at(4))?.state).toBe('established');
  expect(b.status(PEER, at(200_000))?.state).toBe('expired');
});

test('a response is taken once', () => {
  const { a, b } = pair();
  const response = sentIn(b.receive(sentIn(a.need(PEER, false, at(0))), source, at(1)));
  expect(a.receive(response, source, at(2))).not.toEqual([]);
  expect(a.receive(response, source, at(3))).toEqual([]);
  expect(a.counters.dropNotPending).toBe(1);
});

test('only the newest initiation can be answered', () => {
  const { a, b } = pair();
  const first = sentIn(a.need(PEER, false, at(0)));
  const late = sentIn(b.receive(first, source, at(1)));
  const again = a.tick(
    [{ peer: PEER, unansweredSince: 0, keepaliveOwedSince: 0, lastTxAny: 0, lastRxAny: 0 }],
    at(6_000),
  );
  expect(kinds(again)).toEqual(['pending-del', 'pending-add', 'send']);
  expect(a.receive(late, source, at(6_001))).toEqual([]);
  const answer = sentIn(b.receive(sentIn(again), source, at(6_002)));
  expect(kinds(a.receive(answer, source, at(6_003)))).toContain('install');
});

test('both may initiate at once, and both handshakes complete', () => {
  const { a, b } = pair();
  const fromA = sentIn(a.need(PEER, false, at(0)));
  const fromB = sentIn(b.need(PEER, false, at(0)));
  const answerB = sentIn(b.receive(fromA, source, at(1)));
  const answerA = sentIn(a.receive(fromB, source, at(1)));
  expect(keysIn(a.receive(answerB, source, at(2))).role).toBe('initiator');
  expect(keysIn(b.receive(answerA, source, at(2))).role).toBe('initiator');
});

describe('what changes nothing', () => {
  test.each([
    { name: 'a stranger', drop: 'dropUnknownPeer', from: 9 },
    { name: 'a peer that lost its place', drop: 'dropUnknownPeer', from: 1 },
  ] as const)('an initiation of $name', ({ drop, from }) => {
    const [caller, b] = [core(from), core(2)];
    caller.setPeers([peer(2)], at(0));
    b.setPeers([peer(1)], at(0));
    if (from === 1) b.setPeers([], at(0));
    expect(b.receive(sentIn(caller.need(PEER, false, at(0))), source, at(1))).toEqual([]);
    expect(b.counters[drop]).toBe(1);
  });

  test('an initiation for somebody else', () => {
    const { a } = pair();
    const c = core(3);
    c.setPeers([peer(1)], at(0));
    expect(c.receive(sentIn(a.need(PEER, false, at(0))), source, at(1))).toEqual([]);
    expect(c.counters.dropNotAuthentic).toBe(1);
  });

  test('a second initiation within twenty milliseconds, which leaves the third welcome', () => {
    const b = core(2);
    b.setPeers([peer(1)], at(0));
    // Each restart of the caller makes a fresh initiation; the wall clock makes it newer.
    const call = (ms: number): Uint8Array => {
      const a = core(1);
      a.setPeers([peer(2)], at(0));
      return sentIn(a.need(PEER, false, at(ms)));
    };
    expect(b.receive(call(0), source, at(0))).not.toEqual([]);
    expect(b.receive(call(40), source, at(19))).toEqual([]);
    expect(b.counters.dropFlood).toBe(1);
    expect(b.receive(call(40), source, at(20))).not.toEqual([]);
  });

  test('any change of any bit of an initiation, after which the true one is answered', () => {
    const { a, b } = pair();
    const good = sentIn(a.need(PEER, false, at(0)));
    // Up to the macs, which the engine checks; the sender index is not protected by Noise alone.
    for (let i = 8; i < 116; i++) {
      const bad = good.slice();
      bad[i] = (bad[i] ?? 0) ^ 0x40;
      expect(b.receive(bad, source, at(1)), `byte ${i}`).toEqual([]);
    }
    expect(kinds(b.receive(good, source, at(2)))).toContain('install');
  });

  test('arbitrary bytes of any length and type', () => {
    const { a } = pair();
    a.need(PEER, false, at(0));
    const type = fc.constantFrom(0, 1, 2, 3, 4, 200);
    const size = fc.constantFrom(0, 3, 60, 64, 92, 148, 149);
    fc.assert(
      fc.property(
        type,
        size.chain((n) => fc.uint8Array({ minLength: n, maxLength: n })),
        (first, rest) => {
          const message = rest.slice();
          message.set([first, 0, 0, 0].slice(0, message.length));
          expect(a.receive(message, source, at(1))).toEqual([]);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('a cookie reply to nothing, or the same one twice', () => {
    const { a } = pair();
    const reply = new Uint8Array(64);
    reply[0] = 3;
    expect(a.receive(reply, source, at(0))).toEqual([]);
    expect(a.receive(reply, { from: FROM, peer: undefined }, at(0))).toEqual([]);
    expect(a.counters.dropCookie).toBe(2);
  });
});

test('a peer whose key is a low-order point is tried and given up, without an exception', () => {
  const a = core(1);
  a.setPeers([{ peer: PEER, publicKey: new Uint8Array(32) }], at(0));
  expect(kinds(a.need(PEER, false, at(0)))).toEqual([]);
  expect(a.status(PEER, at(1))?.state).toBe('handshake');
  let now = 0;
  const idle = { peer: PEER, unansweredSince: 0, keepaliveOwedSince: 0, lastTxAny: 0, lastRxAny: 0 };
  while (a.status(PEER, at(now))?.state === 'handshake') {
    now += 5_500;
    a.tick([idle], at(now));
  }
  expect(now).toBeLessThan(130_000);
});

test('a key of a wrong length is refused by name, and the peer keeps the one that it has', () => {
  const { a } = pair();
  const wrong = { peer: PEER, publicKey: new Uint8Array(31) };
  expect(() => a.setPeers([wrong], at(0))).toThrow(`peer ${PEER} has a public key of 31 bytes`);
  expect(kinds(a.need(PEER, false, at(1)))).toEqual(['pending-add', 'send']);
});

test('two peers may swap their ids in one call', () => {
  const a = core(1);
  a.setPeers(
    [
      { peer: 1, publicKey: publicOf(2) },
      { peer: 2, publicKey: publicOf(3) },
    ],
    at(0),
  );
  a.setPeers(
    [
      { peer: 2, publicKey: publicOf(2) },
      { peer: 1, publicKey: publicOf(3) },
    ],
    at(0),
  );
  const b = core(2);
  b.setPeers([peer(1)], at(0));
  const effects = a.receive(sentIn(b.need(PEER, false, at(0))), { from: FROM, peer: undefined }, at(1));
  expect(keysIn(effects).peer).toBe(2);
});

test('ten thousand idle peers have no deadline', () => {
  const a = core(1);
  const many = Array.from({ length: 10_000 }, (_, n) => {
    const publicKey = new Uint8Array(32).fill(9);
    new DataView(publicKey.buffer).setUint32(0, n);
    return { peer: n + 1, publicKey };
  });
  a.setPeers(many, at(0));
  expect(a.wakeAt()).toBeUndefined();
  expect(a.due(at(1e9))).toEqual([]);
});

describe('a peer that is taken away and comes back', () => {
  const again = (one: WireGuardCore, byte: number, ms: number): void => {
    one.setPeers([], at(ms));
    one.setPeers([peer(byte)], at(ms));
  };

  test('does not take an old initiation again', () => {
    const { a, b } = pair();
    const captured = sentIn(a.need(PEER, false, at(0)));
    expect(kinds(b.receive(captured, source, at(1)))).toContain('install');
    again(b, 1, 2);
    expect(b.receive(captured, source, at(30))).toEqual([]);
    expect(b.counters.dropReplayed).toBe(1);
  });

  test('is called with a later time than before, though the clock was set back', () => {
    const { a, b } = pair();
    b.receive(sentIn(a.need(PEER, false, at(0))), source, at(1));
    again(a, 2, 2);
    const early = { nowMs: at(6_000).nowMs, wallMs: at(0).wallMs - 3_600_000 };
    const second = sentIn(a.need(PEER, false, early));
    expect(kinds(b.receive(second, source, at(6_001)))).toContain('install');
  });

  test('under another number has started anew, and may call with the clock it has', () => {
    const { a, b } = pair();
    b.receive(sentIn(a.need(PEER, false, at(0))), source, at(1));
    b.setPeers([{ ...peer(1), peer: PEER + 1 }], at(2));
    const restarted = core(1);
    restarted.setPeers([peer(2)], at(3));
    const early = { nowMs: at(100).nowMs, wallMs: at(0).wallMs - 3_600_000 };
    const first = sentIn(restarted.need(PEER, false, early));
    expect(kinds(b.receive(first, source, at(101)))).toContain('install');
  });
});
