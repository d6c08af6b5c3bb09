/** Conformance: keypair slots, counters, vectors of transport data, activity words (data-plane.md §1.5, §4.6, §7.3). */
import { expect, test } from 'vitest';
import { fromHex, toHex } from '#shared/bytes/hex.ts';
import {
  dataPacket,
  engineRig,
  FAR,
  FAR_INNER,
  headerOf,
  INNER,
  LOCAL_INDEX,
  OWN,
  PEER,
  REMOTE_INDEX,
} from '../engine-rig.ts';
import { ipPacket } from '../packets.ts';
import type { MakeEngine } from '../tunnel-host.ts';

const hex = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array();

const OUT = ipPacket({ from: INNER, to: FAR_INNER });
const IN = ipPacket({ from: FAR_INNER, to: INNER });
const KEEPALIVE = new Uint8Array();

const VECTORS = [
  {
    name: 'A',
    forward: '86c26f3704e4bb39178565fd8ed85de1234a5d04722ebee7c387fd0695b91c37',
    back: 'f9153b2d2d4b16229df2db33fb511c603a17bfc4f1bd42561de8021d263502c4',
    keepalive: '04000000a4a3a2a10000000000000000b25c1728230c91552491621c08fee203',
    data: '04000000a4a3a2a101000000000000005b3289ee2c702b987984aed766760fa372857c9b04b2719b4d65192a32e16c8a59fe2f2e0ba6dcea552ef6406b21b990',
  },
  {
    name: 'B',
    forward: '4b3c4c082e01f711109ce03f0bb7f8cb981980f6d3cba4fd549a8fe8587b453c',
    back: '4f798f03bf7308ce91fb63a862e4af61bf1117afdb4fea1e170bbae646fe4eae',
    keepalive: '04000000a4a3a2a100000000000000001a1f096241d0436b057cd4adf2c323bd',
    data: '04000000a4a3a2a10100000000000000c91a304c446a0240d864a5fc9499b9490c7e3cd129aee808e3210f5bd0c09d92acd2a45b3e897ec9aada6bb941ed863f',
  },
];
const VECTOR_PACKET = hex('4500001d000100004001b25c644000016440000208007ffd0001000178');
const VECTOR_BACK =
  '040000000403020100000000000100009f4c8ad702d03049c0f077f068f9210b8ae5d2854d56f4edb672b81f935a2dc3f3ac460509142ef9a1f974680d1d3ba6';

export function keyConformance(make: MakeEngine): void {
  test.each(VECTORS)('seals keepalive and data as in vector set $name', async (vector) => {
    await using rig = await engineRig(make);
    rig.engine.apply([{ op: 'routes-set', routes: [{ prefix: '100.64.0.2/32', peer: PEER }] }]);
    rig.install({ sendKey: hex(vector.forward), receiveKey: hex(vector.back) });
    rig.fromHost(VECTOR_PACKET);
    expect(rig.sent.map(({ data }) => toHex(data))).toEqual([vector.keepalive, vector.data]);
  });

  test.each(VECTORS)('opens the data of vector set $name and trims its padding', async (vector) => {
    await using rig = await engineRig(make);
    rig.engine.apply([{ op: 'routes-set', routes: [{ prefix: '100.64.0.1/32', peer: PEER }] }]);
    rig.install({
      role: 'responder',
      localIndex: 0xa1a2a3a4,
      remoteIndex: 0x01020304,
      sendKey: hex(vector.back),
      receiveKey: hex(vector.forward),
    });
    await rig.fromWire(hex(vector.keepalive));
    await rig.fromWire(hex(vector.data));
    expect(rig.toHost).toEqual([VECTOR_PACKET]);
  });

  test('opens a counter beyond 32 bits, as in the vector from the responder', async () => {
    await using rig = await engineRig(make);
    rig.engine.apply([{ op: 'routes-set', routes: [{ prefix: '100.64.0.1/32', peer: PEER }] }]);
    const [vector] = VECTORS;
    rig.install({ sendKey: hex(vector?.forward ?? ''), receiveKey: hex(vector?.back ?? '') });
    await rig.fromWire(hex(VECTOR_BACK));
    expect(rig.toHost).toEqual([VECTOR_PACKET]);
  });

  test('without a key a packet waits, a handshake is asked for, and the key lets it go', async () => {
    await using rig = await engineRig(make);
    rig.fromHost(OUT);
    rig.fromHost(OUT);
    await rig.clock.advance(1);
    expect(rig.sent).toEqual([]);
    expect(rig.seen('need-handshake')).toEqual([{ type: 'need-handshake', peer: PEER, reason: 'no-key' }]);
    rig.install();
    expect(rig.sent.map(({ data }) => headerOf(data))).toEqual([
      { index: REMOTE_INDEX, counter: 0n },
      { index: REMOTE_INDEX, counter: 1n },
    ]);
    expect(rig.sent[0]?.to).toEqual(FAR);
  });

  test('the first packet of a keypair goes ahead of what was staged', async () => {
    await using rig = await engineRig(make);
    rig.fromHost(OUT);
    const first = ipPacket({ from: INNER, to: FAR_INNER, payload: new Uint8Array(300) });
    rig.install({ firstPacket: first });
    expect(rig.sent.map(({ data }) => data.length)).toEqual([
      32 + Math.ceil(first.length / 16) * 16,
      32 + Math.ceil(OUT.length / 16) * 16,
    ]);
  });

  test("a responder's keypair is not sent under before the peer has used it", async () => {
    await using rig = await engineRig(make);
    rig.install({ role: 'responder' });
    rig.fromHost(OUT);
    expect(rig.sent).toEqual([]);
    await rig.fromWire(dataPacket(0n, KEEPALIVE));
    expect(rig.seen('key-confirmed')).toEqual([
      { type: 'key-confirmed', peer: PEER, localIndex: LOCAL_INDEX },
    ]);
    expect(rig.sent).toHaveLength(1);
  });

  test('the keypair before the present one still receives, the one before that does not', async () => {
    await using rig = await engineRig(make);
    const keys = [1, 2, 3].map((n) => ({ localIndex: n, receiveKey: new Uint8Array(32).fill(n) }));
    for (const key of keys) rig.install(key);
    for (const [n, { localIndex, receiveKey }] of keys.entries()) {
      await rig.fromWire(dataPacket(BigInt(n), IN, { key: receiveKey, index: localIndex }));
    }
    expect(rig.toHost).toHaveLength(2);
    expect(rig.stat('drop.unknown-index')).toBe(1);
  });

  test('an answered initiation while a response waits keeps that response as the previous keypair', async () => {
    await using rig = await engineRig(make);
    rig.install({ role: 'responder', localIndex: 1, receiveKey: new Uint8Array(32).fill(1) });
    rig.install({ localIndex: 2, receiveKey: new Uint8Array(32).fill(2), remoteIndex: 22 });
    await rig.fromWire(dataPacket(0n, IN, { key: new Uint8Array(32).fill(1), index: 1 }));
    expect(rig.toHost).toHaveLength(1);
    rig.fromHost(OUT);
    expect(headerOf(rig.sent.at(-1)?.data ?? new Uint8Array(16)).index).toBe(22);
  });

  test('a keypair of three minutes is used in neither direction', async () => {
    await using rig = await engineRig(make);
    rig.install();
    await rig.clock.advance(179_000);
    rig.fromHost(OUT);
    await rig.fromWire(dataPacket(0n, IN));
    expect([rig.sent.length, rig.toHost.length]).toEqual([2, 1]);
    await rig.clock.advance(1_000);
    rig.fromHost(OUT);
    await rig.fromWire(dataPacket(1n, IN));
    expect([rig.sent.length, rig.toHost.length]).toEqual([2, 1]);
    expect(rig.stat('drop.expired-key')).toBe(1);
    expect(rig.seen('need-handshake').at(-1)?.reason).toBe('no-key');
  });

  test('the initiator asks for a new key when it sends after two minutes, the responder does not', async () => {
    await using rig = await engineRig(make);
    rig.install();
    await rig.clock.advance(120_000);
    rig.fromHost(OUT);
    await rig.clock.advance(1);
    expect(rig.seen('need-handshake')).toEqual([]);
    rig.fromHost(OUT);
    await rig.clock.advance(1);
    expect(rig.seen('need-handshake').map(({ reason }) => reason)).toEqual(['age-120']);
    await using other = await engineRig(make);
    other.install({ role: 'responder' });
    await other.fromWire(dataPacket(0n, KEEPALIVE));
    await other.clock.advance(170_000);
    other.fromHost(OUT);
    await other.fromWire(dataPacket(1n, IN));
    expect(other.seen('need-handshake')).toEqual([]);
  });

  test('the initiator asks for a new key when it only receives after 165 seconds', async () => {
    await using rig = await engineRig(make);
    rig.install();
    await rig.clock.advance(164_000);
    await rig.fromWire(dataPacket(0n, IN));
    expect(rig.seen('need-handshake')).toEqual([]);
    await rig.clock.advance(1_500);
    await rig.fromWire(dataPacket(1n, IN));
    expect(rig.seen('need-handshake').map(({ reason }) => reason)).toEqual(['age-165']);
  });

  test('whoever sends and receives under an old key asks once a second for each reason', async () => {
    await using rig = await engineRig(make);
    rig.install();
    await rig.clock.advance(166_000);
    for (let i = 0n; i < 10n; i++) {
      rig.fromHost(OUT);
      await rig.fromWire(dataPacket(i, IN));
    }
    expect(rig.seen('need-handshake').map(({ reason }) => reason)).toEqual(['age-120', 'age-165']);
  });

  test('after the identity changed nothing is sent, and what is under way still arrives', async () => {
    await using rig = await engineRig(make);
    rig.install();
    rig.engine.apply([{ op: 'expire-send', peer: PEER }]);
    const before = rig.sent.length;
    rig.fromHost(OUT);
    await rig.fromWire(dataPacket(0n, IN));
    expect(rig.sent).toHaveLength(before);
    expect(rig.toHost).toEqual([IN]);
    expect(rig.seen('need-handshake').at(-1)?.reason).toBe('no-key');
  });

  test('erased keys receive nothing and drop what was staged', async () => {
    await using rig = await engineRig(make);
    rig.install();
    rig.engine.apply([{ op: 'expire-send', peer: PEER }]);
    rig.fromHost(OUT);
    rig.engine.apply([{ op: 'erase-keys', peer: 'all' }]);
    await rig.fromWire(dataPacket(0n, IN));
    expect(rig.toHost).toEqual([]);
    expect(rig.stat('drop.staged')).toBe(1);
  });

  test('keys from before a moment are erased alone', async () => {
    await using rig = await engineRig(make);
    rig.install();
    await rig.clock.advance(1_000);
    rig.install({ localIndex: LOCAL_INDEX + 1, createdMs: rig.clock.monotonic() });
    rig.engine.apply([{ op: 'erase-older-keys', peer: PEER, createdBeforeMs: rig.clock.monotonic() }]);
    await rig.fromWire(dataPacket(0n, IN));
    expect(rig.toHost).toEqual([]);
    rig.sent.length = 0;
    rig.fromHost(OUT);
    expect(rig.sent).toHaveLength(1);
    rig.engine.apply([{ op: 'erase-older-keys', peer: PEER, createdBeforeMs: rig.clock.monotonic() + 1 }]);
    rig.fromHost(OUT);
    expect(rig.sent).toHaveLength(1);
  });

  test('a keepalive without a key asks for one', async () => {
    await using rig = await engineRig(make);
    rig.engine.apply([{ op: 'send-keepalive', peer: PEER }]);
    await rig.clock.advance(1);
    expect(rig.seen('need-handshake').map(({ reason }) => reason)).toEqual(['keepalive-without-key']);
    rig.install();
    rig.engine.apply([{ op: 'send-keepalive', peer: PEER }]);
    expect(rig.sent.map(({ data }) => data.length)).toEqual([32, 32]);
  });

  test('activity words follow data and keepalives', async () => {
    await using rig = await engineRig(make);
    const words = () => rig.engine.peers([PEER])[0];
    rig.install();
    expect(words()).toMatchObject({ unansweredSince: 0, keepaliveOwedSince: 0 });
    rig.fromHost(OUT);
    const sentAt = rig.engine.nowMs();
    await rig.clock.advance(50);
    rig.fromHost(OUT);
    expect(words()).toMatchObject({ unansweredSince: sentAt, lastTxAny: sentAt + 50 });
    await rig.fromWire(dataPacket(0n, KEEPALIVE));
    expect(words()).toMatchObject({ unansweredSince: 0, keepaliveOwedSince: 0 });
    await rig.fromWire(dataPacket(1n, IN));
    const owed = words()?.keepaliveOwedSince ?? 0;
    expect(owed).toBeGreaterThan(0);
    expect(words()?.rxBestAt).toBe(owed);
    await rig.fromWire(dataPacket(2n, IN));
    expect(words()?.keepaliveOwedSince).toBe(owed);
    rig.engine.apply([{ op: 'send-keepalive', peer: PEER }]);
    expect(words()).toMatchObject({ keepaliveOwedSince: 0, unansweredSince: 0, rxPackets: 3, txPackets: 4 });
  });

  test('a peer becomes active with its first packet and again after 45 seconds of silence', async () => {
    await using rig = await engineRig(make);
    rig.install();
    await rig.clock.advance(1);
    expect(rig.seen('peer-active')).toHaveLength(1);
    await rig.clock.advance(44_000);
    await rig.fromWire(dataPacket(0n, IN));
    expect(rig.seen('peer-active')).toHaveLength(1);
    await rig.clock.advance(45_000);
    await rig.fromWire(dataPacket(1n, IN));
    expect(rig.seen('peer-active')).toHaveLength(2);
  });

  test('padding goes to 16 bytes but not beyond the MTU', async () => {
    await using rig = await engineRig(make, { mtu: 1_290 });
    rig.install();
    for (const size of [1, 250, 1_262, 1_270])
      rig.fromHost(ipPacket({ from: INNER, to: FAR_INNER, payload: new Uint8Array(size) }));
    expect(rig.sent.slice(1).map(({ data }) => data.length - 32)).toEqual([32, 272, 1_290, 1_290]);
  });

  test('a datagram goes out from our port', async () => {
    await using rig = await engineRig(make);
    let from: unknown;
    rig.wire.tap = (datagram) => {
      from = datagram.from;
      return true;
    };
    rig.install();
    expect(from).toEqual(OWN);
  });
}
