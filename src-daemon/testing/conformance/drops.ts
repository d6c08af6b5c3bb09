/** Conformance: every bad packet is one counted drop and nothing else (data-plane.md §1.6, §1.7, §7.5, §7.7). */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex } from '#shared/bytes/hex.ts';
import { settle } from '#shared/testing/fake-clock.ts';
import { macKeysOf, stampMacs } from '../../wireguard/macs.ts';
import {
  dataPacket,
  type EngineRig,
  engineRig,
  FAR,
  FAR_INNER,
  INNER,
  OWN_KEY,
  PEER,
} from '../engine-rig.ts';
import { ipPacket } from '../packets.ts';
import type { MakeEngine } from '../tunnel-host.ts';

const hex = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array();
const IN = ipPacket({ from: FAR_INNER, to: INNER, payload: new Uint8Array(100) });
const REJECT = 2n ** 64n - 2n ** 13n - 1n;

const with16 = (packet: Uint8Array, at: number, value: number): Uint8Array => {
  const out = packet.slice();
  out[at] = value >> 8;
  out[at + 1] = value & 255;
  return out;
};

const drops = (rig: EngineRig): number =>
  Object.entries(rig.engine.stats())
    .filter(([name]) => name.startsWith('drop.'))
    .reduce((sum, [, count]) => sum + Number(count), 0);

const V6_IN = ipPacket({ from: 'fd00::2', to: 'fd00::1' });

const ROWS: readonly { readonly name: string; readonly datagram: Uint8Array; readonly why: string }[] = [
  { name: 'one byte', datagram: hex('07'), why: 'drop.junk' },
  { name: 'nothing', datagram: new Uint8Array(), why: 'drop.junk' },
  { name: 'a type above four', datagram: hex('0500000000000000'), why: 'drop.junk' },
  { name: 'a type with reserved bits', datagram: dataPacketWith(1, 1), why: 'drop.junk' },
  { name: 'a peer-relay header', datagram: hex('00007a120102030004000000'), why: 'drop.geneve' },
  { name: 'a disco header cut short', datagram: hex('5453f09f92ac0000'), why: 'drop.junk' },
  { name: 'a short initiation', datagram: typed(1, 147), why: 'drop.length' },
  { name: 'a long response', datagram: typed(2, 93), why: 'drop.length' },
  { name: 'a long cookie reply', datagram: typed(3, 65), why: 'drop.length' },
  { name: 'an initiation without mac1', datagram: typed(1, 148), why: 'drop.mac1' },
  { name: 'a response to nothing', datagram: typed(2, 92), why: 'drop.unknown-index' },
  { name: 'a cookie reply to nothing', datagram: typed(3, 64), why: 'drop.unknown-index' },
  { name: 'data of 31 bytes', datagram: dataPacket(0n, IN).subarray(0, 31), why: 'drop.length' },
  {
    name: 'data to an unknown index',
    datagram: dataPacket(0n, IN, { index: 99 }),
    why: 'drop.unknown-index',
  },
  {
    name: 'data under another key',
    datagram: dataPacket(0n, IN, { key: new Uint8Array(32) }),
    why: 'drop.not-authentic',
  },
  { name: 'data with a changed byte', datagram: dataPacketWith(40, 0xff), why: 'drop.not-authentic' },
  { name: 'data cut short', datagram: dataPacket(0n, IN).subarray(0, 100), why: 'drop.not-authentic' },
  { name: 'the first spent counter', datagram: dataPacket(REJECT, IN), why: 'drop.replay' },
  { name: 'the last counter there is', datagram: dataPacket(2n ** 64n - 1n, IN), why: 'drop.replay' },
  { name: 'no IP packet', datagram: dataPacket(0n, new Uint8Array(16).fill(0xff)), why: 'drop.bad-inner' },
  { name: 'a truncated IPv4 header', datagram: dataPacket(0n, IN.subarray(0, 16)), why: 'drop.bad-inner' },
  {
    name: 'IPv4 longer than its packet',
    datagram: dataPacket(0n, with16(IN, 2, 2_000)),
    why: 'drop.bad-inner',
  },
  {
    name: 'IPv4 shorter than its header',
    datagram: dataPacket(0n, with16(IN, 2, 19)),
    why: 'drop.bad-inner',
  },
  {
    name: 'IPv6 longer than its packet',
    datagram: dataPacket(0n, with16(V6_IN, 4, 500)),
    why: 'drop.bad-inner',
  },
  {
    name: "an address that is not the peer's",
    datagram: dataPacket(0n, ipPacket({ from: '10.1.0.9', to: INNER })),
    why: 'drop.wrong-source',
  },
];

export function dropConformance(make: MakeEngine): void {
  test.each(ROWS)('$name is dropped and counted as $why', async ({ datagram, why }) => {
    await using rig = await engineRig(make);
    rig.install();
    rig.sent.length = 0;
    await rig.fromWire(datagram);
    expect(rig.stat(why)).toBe(1);
    expect(drops(rig)).toBe(1);
    expect(rig.toHost).toEqual([]);
    expect(rig.sent).toEqual([]);
    expect(rig.seen('handshake')).toEqual([]);
  });

  test('what comes from port 0, to which nothing can be sent, is dropped', async () => {
    await using rig = await engineRig(make);
    rig.install();
    const disco = new Uint8Array(62);
    disco.set(hex('5453f09f92ac'));
    await rig.fromWire(disco, { ...FAR, port: 0 });
    await rig.fromWire(dataPacket(0n, IN), { ...FAR, port: 0 });
    expect(rig.stat('drop.junk')).toBe(2);
    expect(rig.seen('disco')).toEqual([]);
    expect(rig.toHost).toEqual([]);
  });

  test('a counter is accepted once, also when the copy is authentic', async () => {
    await using rig = await engineRig(make);
    rig.install();
    for (const counter of [0n, 1n, 1n, 9n, 8n, 7n, 7n, 8_129n, 8_128n, 8_128n, 0n])
      await rig.fromWire(dataPacket(counter, IN));
    expect(rig.toHost).toHaveLength(7);
    expect(rig.stat('drop.replay')).toBe(4);
  });

  test('a forged counter does not move the window', async () => {
    await using rig = await engineRig(make);
    rig.install();
    const forged = dataPacket(1_000_000n, IN);
    forged[30] = (forged[30] ?? 0) ^ 1;
    await rig.fromWire(forged);
    await rig.fromWire(dataPacket(0n, IN));
    expect(rig.toHost).toHaveLength(1);
  });

  test('packets of peers to others than us are dropped once our addresses are known', async () => {
    await using rig = await engineRig(make);
    rig.install();
    await rig.fromWire(dataPacket(0n, ipPacket({ from: FAR_INNER, to: '10.9.9.9' })));
    expect(rig.toHost).toHaveLength(1);
    rig.engine.apply([
      { op: 'local-ips', own: [INNER], service: ['100.100.100.100'], forwarded: ['192.168.0.0/16'] },
    ]);
    await rig.fromWire(dataPacket(1n, ipPacket({ from: FAR_INNER, to: '10.9.9.9' })));
    await rig.fromWire(dataPacket(2n, ipPacket({ from: FAR_INNER, to: '100.100.100.100' })));
    expect(rig.toHost).toHaveLength(1);
    expect(rig.stat('drop.not-local')).toBe(2);
    await rig.fromWire(dataPacket(3n, ipPacket({ from: FAR_INNER, to: '192.168.7.7' })));
    await rig.fromWire(dataPacket(4n, IN));
    expect(rig.toHost).toHaveLength(3);
  });

  test('staging keeps the newest 128 packets of a peer', async () => {
    await using rig = await engineRig(make);
    for (let i = 0; i < 200; i++)
      rig.fromHost(ipPacket({ from: INNER, to: FAR_INNER, payload: Uint8Array.of(i, 0, 0, 0) }));
    expect(rig.stat('drop.staged')).toBe(72);
    rig.install();
    expect(rig.sent).toHaveLength(128);
    rig.engine.apply([{ op: 'drop-staged', peer: PEER }]);
    expect(rig.stat('drop.staged')).toBe(72);
  });

  test('arbitrary bytes are never delivered, never answered, and never break anything', async () => {
    await using rig = await engineRig(make);
    rig.install();
    rig.sent.length = 0;
    const type = fc.constantFrom(0, 1, 2, 3, 4, 5, 0x54);
    const bytes = fc.uint8Array({ maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(type, bytes, async (first, rest) => {
        const before = drops(rig) + rig.records.length;
        await rig.fromWire(Uint8Array.of(first, 0, 0, 0, ...rest));
        expect(drops(rig) + rig.records.length).toBe(before + 1);
      }),
      { numRuns: 300 },
    );
    expect(rig.toHost).toEqual([]);
    expect(rig.sent).toEqual([]);
  });

  test('no cut or flipped copy of a true packet is delivered, and the true one still is', async () => {
    await using rig = await engineRig(make);
    rig.install();
    const good = dataPacket(7n, IN);
    for (let length = 0; length < good.length; length++) await rig.fromWire(good.subarray(0, length));
    for (let bit = 0; bit < good.length * 8; bit++) {
      const flipped = good.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await rig.fromWire(flipped);
    }
    expect(rig.toHost).toEqual([]);
    await rig.fromWire(good);
    expect(rig.toHost).toEqual([IN]);
  });

  test('packets from the host that are no IP packets are dropped', async () => {
    await using rig = await engineRig(make);
    rig.install();
    rig.sent.length = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        rig.fromHost(bytes);
      }),
      { numRuns: 500 },
    );
    await settle();
    expect(rig.sent).toEqual([]);
  });
}

function typed(type: number, length: number): Uint8Array {
  const out = new Uint8Array(length).fill(0x11);
  out.set([type, 0, 0, 0]);
  return out;
}

function dataPacketWith(at: number, value: number): Uint8Array {
  const out = dataPacket(0n, IN);
  out[at] = value;
  return out;
}

/** An initiation whose mac1 is right and whose inside is not: what a flood looks like. */
export function floodInitiation(sender: number, cookie?: Uint8Array): Uint8Array {
  const out = typed(1, 148);
  out.fill(0, 132);
  new DataView(out.buffer).setUint32(4, sender, true);
  stampMacs(out, macKeysOf(OWN_KEY.publicRaw), cookie);
  return out;
}
