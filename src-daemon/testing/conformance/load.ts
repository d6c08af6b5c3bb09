/** Conformance: mac1, cookies, mac2 and the limiter in front of the handshake code (data-plane.md §1.8). */
import { expect, test } from 'vitest';
import { mac1Of, macKeysOf, openCookie } from '../../wireguard/macs.ts';
import { decodeCookieReply } from '../../wireguard/messages.ts';
import { engineRig, FAR, OWN, OWN_KEY, PEER } from '../engine-rig.ts';
import type { MakeEngine } from '../tunnel-host.ts';
import { floodInitiation } from './drops.ts';

const cookieIn = (reply: Uint8Array, answered: Uint8Array): Uint8Array | undefined => {
  const decoded = decodeCookieReply(reply);
  return decoded === undefined
    ? undefined
    : openCookie(macKeysOf(OWN_KEY.publicRaw), decoded, mac1Of(answered));
};

export function loadConformance(make: MakeEngine): void {
  test('an initiation with mac1 is handed up with its source', async () => {
    await using rig = await engineRig(make);
    const message = floodInitiation(77);
    await rig.fromWire(message);
    expect(rig.seen('handshake')).toEqual([{ type: 'handshake', from: FAR, peer: undefined, data: message }]);
  });

  test('a response and a cookie reply are handed up with the peer that was asked', async () => {
    await using rig = await engineRig(make);
    rig.engine.apply([{ op: 'pending-add', index: 0x1111_1111, peer: PEER }]);
    const reply = new Uint8Array(64).fill(0x11);
    reply.set([3, 0, 0, 0]);
    await rig.fromWire(reply);
    expect(rig.seen('handshake').map(({ peer }) => peer)).toEqual([PEER]);
    rig.engine.apply([{ op: 'pending-del', index: 0x1111_1111 }]);
    await rig.fromWire(reply);
    expect(rig.stat('drop.unknown-index')).toBe(1);
  });

  test('a burst brings the load state, which asks for cookies and ends a second after its cause', async () => {
    await using rig = await engineRig(make);
    for (let i = 0; i < 60; i++) rig.wire.send(FAR, OWN, floodInitiation(i));
    await rig.clock.advance(5);
    expect(rig.seen('handshake')).toHaveLength(32);
    expect(rig.stat('handshake.cookies-sent')).toBe(28);
    await rig.clock.advance(1_100);
    await rig.fromWire(floodInitiation(99));
    expect(rig.seen('handshake')).toHaveLength(33);
  });

  test('under load a message without a cookie is answered by one that opens, and passes with it', async () => {
    await using rig = await engineRig(make, { underLoadHandshakes: 0 });
    const bare = floodInitiation(5);
    await rig.fromWire(bare);
    expect(rig.seen('handshake')).toEqual([]);
    expect(rig.sent.map(({ to }) => to)).toEqual([FAR]);
    const cookie = cookieIn(rig.sent[0]?.data ?? new Uint8Array(), bare);
    expect(cookie).toBeDefined();
    await rig.fromWire(floodInitiation(6, cookie));
    expect(rig.seen('handshake')).toHaveLength(1);
  });

  test('a cookie is good for its address and port only, and for two minutes', async () => {
    await using rig = await engineRig(make, { underLoadHandshakes: 0 });
    const bare = floodInitiation(5);
    await rig.fromWire(bare);
    const cookie = cookieIn(rig.sent[0]?.data ?? new Uint8Array(), bare);
    await rig.fromWire(floodInitiation(6, cookie), { ...FAR, port: FAR.port + 1 });
    await rig.fromWire(floodInitiation(7, cookie), { ...FAR, ip: '192.0.2.3' });
    expect(rig.seen('handshake')).toEqual([]);
    await rig.clock.advance(121_000);
    await rig.fromWire(floodInitiation(8, cookie));
    expect(rig.seen('handshake')).toEqual([]);
    expect(rig.stat('drop.mac2')).toBe(4);
  });

  test('under load one address gets five handshakes at once and twenty a second', async () => {
    await using rig = await engineRig(make, { underLoadHandshakes: 0 });
    const bare = floodInitiation(5);
    await rig.fromWire(bare);
    const cookie = cookieIn(rig.sent[0]?.data ?? new Uint8Array(), bare);
    for (let i = 0; i < 8; i++) rig.wire.send(FAR, OWN, floodInitiation(10 + i, cookie));
    await rig.clock.advance(2);
    expect(rig.seen('handshake')).toHaveLength(5);
    expect(rig.stat('drop.limiter')).toBe(3);
    await rig.clock.advance(200);
    for (let i = 0; i < 8; i++) rig.wire.send(FAR, OWN, floodInitiation(20 + i, cookie));
    await rig.clock.advance(2);
    expect(rig.seen('handshake')).toHaveLength(9);
  });

  test('over a relay a cookie goes back through it, once a second', async () => {
    await using rig = await engineRig(make, { underLoadHandshakes: 0 });
    const bare = floodInitiation(5);
    const relayed = { kind: 'relay-in', peer: PEER, region: 4, data: bare } as const;
    rig.engine.inject([relayed, relayed]);
    await rig.clock.advance(1);
    const out = rig.seen('relay-out');
    expect(out.map(({ peer, region }) => [peer, region])).toEqual([[PEER, 4]]);
    const cookie = cookieIn(out[0]?.data ?? new Uint8Array(), bare);
    rig.engine.inject([{ ...relayed, data: floodInitiation(6, cookie) }]);
    await rig.clock.advance(1);
    expect(rig.seen('handshake').map(({ from }) => from)).toEqual([undefined]);
  });
}
