/** Conformance: how datagrams reach a peer, and what is told of where they come from (data-plane.md §1.10, §4.9). */
import { expect, test } from 'vitest';
import type { SockAddr } from '#shared/ip/address.ts';
import { dataPacket, engineRig, FAR, FAR_INNER, FAR_KEY, INNER, PEER } from '../engine-rig.ts';
import { ipPacket } from '../packets.ts';
import type { MakeEngine } from '../tunnel-host.ts';

const OUT = ipPacket({ from: INNER, to: FAR_INNER });
const IN = ipPacket({ from: FAR_INNER, to: INNER });
const ELSEWHERE: SockAddr = { ip: '198.51.100.1', port: 7 };
const MESSAGE = new Uint8Array(148).fill(1);

export function pathConformance(make: MakeEngine): void {
  test.each([
    { name: 'direct', path: { mode: 'direct', direct: FAR } as const, udp: 1, relay: 0 },
    { name: 'relay', path: { mode: 'relay', relayRegion: 3 } as const, udp: 0, relay: 1 },
    {
      name: 'direct and relay',
      path: { mode: 'direct+relay', direct: FAR, relayRegion: 3 } as const,
      udp: 1,
      relay: 1,
    },
  ])('a packet goes $name', async ({ path, udp, relay }) => {
    await using rig = await engineRig(make);
    rig.engine.apply([{ op: 'path-set', peer: PEER, path }]);
    rig.install();
    await rig.clock.advance(1);
    expect(rig.sent).toHaveLength(udp);
    expect(rig.seen('relay-out')).toHaveLength(relay);
    for (const record of rig.seen('relay-out')) expect(record).toMatchObject({ peer: PEER, region: 3 });
    if (udp + relay === 2) expect(rig.seen('relay-out')[0]?.data).toEqual(rig.sent[0]?.data);
  });

  test('a direct path whose trust ran out is doubled by the relay', async () => {
    await using rig = await engineRig(make);
    rig.install();
    const validUntilMs = rig.engine.nowMs() + 6_500;
    rig.engine.apply([
      { op: 'path-set', peer: PEER, path: { mode: 'direct', direct: FAR, relayRegion: 3, validUntilMs } },
    ]);
    await rig.clock.advance(6_500);
    rig.fromHost(OUT);
    await rig.clock.advance(1);
    expect(rig.seen('relay-out')).toHaveLength(0);
    rig.fromHost(OUT);
    await rig.clock.advance(1);
    expect(rig.seen('relay-out')).toHaveLength(1);
    expect(rig.sent).toHaveLength(3);
  });

  test('without a path packets wait five seconds, and the path is asked for once a second', async () => {
    await using rig = await engineRig(make);
    rig.install();
    rig.sent.length = 0;
    rig.engine.apply([{ op: 'path-set', peer: PEER, path: { mode: 'none' } }]);
    rig.fromHost(OUT);
    rig.fromHost(OUT);
    await rig.clock.advance(1_000);
    expect(rig.seen('need-path')).toHaveLength(1);
    rig.engine.apply([{ op: 'path-set', peer: PEER, path: { mode: 'direct', direct: FAR } }]);
    expect(rig.sent).toHaveLength(2);
    rig.engine.apply([{ op: 'path-set', peer: PEER, path: { mode: 'none' } }]);
    rig.fromHost(OUT);
    await rig.clock.advance(10_000);
    expect(rig.stat('drop.no-path')).toBe(1);
    rig.engine.apply([{ op: 'path-set', peer: PEER, path: { mode: 'direct', direct: FAR } }]);
    expect(rig.sent).toHaveLength(2);
    await rig.clock.advance(10_000);
    expect(rig.clock.pending).toBe(0);
  });

  test('the newest handshake message waits for a path', async () => {
    await using rig = await engineRig(make);
    rig.engine.apply([{ op: 'path-set', peer: PEER, path: { mode: 'none' } }]);
    const newest = MESSAGE.slice().fill(2, 4);
    rig.engine.inject([
      { kind: 'peer-datagram', peer: PEER, data: MESSAGE },
      { kind: 'peer-datagram', peer: PEER, data: newest },
    ]);
    await rig.clock.advance(1);
    expect(rig.seen('need-path')).toHaveLength(1);
    rig.engine.apply([{ op: 'path-set', peer: PEER, path: { mode: 'direct', direct: FAR } }]);
    expect(rig.sent).toEqual([{ to: FAR, data: newest }]);
  });

  test.each([
    { name: 'the path alone when it came from there', answering: FAR, to: [FAR] },
    { name: 'both when it came from elsewhere', answering: ELSEWHERE, to: [ELSEWHERE, FAR] },
  ])('an answer takes $name', async ({ answering, to }) => {
    await using rig = await engineRig(make);
    rig.engine.inject([{ kind: 'peer-datagram', peer: PEER, data: MESSAGE, answering }]);
    expect(rig.sent.map((one) => one.to)).toEqual(to);
  });

  test('an answer goes back where the question came from when there is no path', async () => {
    await using rig = await engineRig(make);
    rig.engine.apply([{ op: 'path-set', peer: PEER, path: { mode: 'none' } }]);
    rig.engine.inject([{ kind: 'peer-datagram', peer: PEER, data: MESSAGE, answering: ELSEWHERE }]);
    expect(rig.sent.map((one) => one.to)).toEqual([ELSEWHERE]);
  });

  test('a packet through a relay is received as any other and names no address', async () => {
    await using rig = await engineRig(make);
    rig.install();
    expect(rig.engine.inject([{ kind: 'relay-in', peer: PEER, region: 3, data: dataPacket(0n, IN) }])).toBe(
      1,
    );
    await rig.clock.advance(1);
    expect(rig.toHost).toEqual([IN]);
    expect(rig.seen('new-address')).toEqual([]);
    expect(rig.engine.peers([PEER])[0]?.rxBestAt).toBe(0);
  });

  test('another address is reported once a second and not followed', async () => {
    await using rig = await engineRig(make);
    rig.install();
    for (let i = 0n; i < 3n; i++) await rig.fromWire(dataPacket(i, IN), ELSEWHERE);
    expect(rig.seen('new-address')).toEqual([{ type: 'new-address', peer: PEER, from: ELSEWHERE }]);
    await rig.clock.advance(1_000);
    await rig.fromWire(dataPacket(3n, IN), ELSEWHERE);
    expect(rig.seen('new-address')).toHaveLength(2);
    rig.fromHost(OUT);
    expect(rig.sent.at(-1)?.to).toEqual(FAR);
  });

  test('whoever sends from ever other addresses is told of a few times, and followed no further', async () => {
    await using rig = await engineRig(make);
    rig.engine.apply([
      { op: 'peer-del', peer: PEER },
      { op: 'peer-add', peer: PEER, publicKey: FAR_KEY.publicRaw, wireguardOnly: true },
      { op: 'routes-set', routes: [{ prefix: `${FAR_INNER}/32`, peer: PEER }] },
      { op: 'path-set', peer: PEER, path: { mode: 'direct', direct: FAR } },
    ]);
    rig.install();
    for (let i = 0; i < 40; i++)
      await rig.fromWire(dataPacket(BigInt(i), IN), { ...ELSEWHERE, port: 1_000 + i });
    expect(rig.toHost).toHaveLength(40);
    const told = rig.seen('new-address').map(({ from }) => from);
    expect(told).toHaveLength(8);
    rig.fromHost(OUT);
    expect(rig.sent.at(-1)?.to).toEqual(told.at(-1));
  });

  test('a peer without disco is followed, by authentic packets only', async () => {
    await using rig = await engineRig(make);
    rig.engine.apply([
      { op: 'peer-del', peer: PEER },
      { op: 'peer-add', peer: PEER, publicKey: FAR_KEY.publicRaw, wireguardOnly: true },
      { op: 'path-set', peer: PEER, path: { mode: 'direct', direct: FAR } },
    ]);
    rig.install();
    await rig.fromWire(dataPacket(0n, IN, { key: new Uint8Array(32) }), ELSEWHERE);
    rig.fromHost(OUT);
    expect(rig.sent.at(-1)?.to).toEqual(FAR);
    await rig.fromWire(dataPacket(0n, IN), ELSEWHERE);
    rig.fromHost(OUT);
    expect(rig.sent.at(-1)?.to).toEqual(ELSEWHERE);
    rig.engine.apply([{ op: 'peer-heard', peer: PEER, from: FAR }]);
    rig.fromHost(OUT);
    expect(rig.sent.at(-1)?.to).toEqual(FAR);
  });
}
