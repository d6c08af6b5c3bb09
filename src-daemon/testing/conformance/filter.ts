/** Conformance: what of the packet filter only a whole engine shows: counts, samples, open ports, the tap (data-plane.md §4.8). */
import { expect, test } from 'vitest';
import type { FilterRuleSpec } from '../../engine/types.ts';
import { dataPacket, type EngineRig, engineRig, FAR_INNER, INNER, PEER } from '../engine-rig.ts';
import { ipPacket } from '../packets.ts';
import type { MakeEngine } from '../tunnel-host.ts';

const TCP = 6;
const UDP = 17;
const SYN = 2;

const SSH: FilterRuleSpec = {
  protocols: [TCP],
  sources: [`${FAR_INNER}/32`],
  destinations: [{ prefix: `${INNER}/32`, first: 22, last: 22 }],
};

function tcp(port: number, flags = SYN): Uint8Array {
  const payload = new Uint8Array(20);
  payload.set([0x9c, 0x40, port >> 8, port & 255]);
  payload[13] = flags;
  return ipPacket({ from: FAR_INNER, to: INNER, protocol: TCP, payload });
}
const udp = (port: number): Uint8Array => {
  const payload = new Uint8Array(8);
  payload.set([0x9c, 0x40, port >> 8, port & 255]);
  return ipPacket({ from: FAR_INNER, to: INNER, protocol: UDP, payload });
};

async function ready(make: MakeEngine, rules: readonly FilterRuleSpec[]): Promise<EngineRig> {
  const rig = await engineRig(make);
  rig.engine.apply([
    { op: 'local-ips', own: [INNER], service: [], forwarded: [] },
    { op: 'filter-set', rules },
  ]);
  rig.install();
  return rig;
}

/** One after another under fresh counters. */
async function arrive(rig: EngineRig, packets: readonly Uint8Array[], from = 0): Promise<void> {
  for (const [i, packet] of packets.entries()) await rig.fromWire(dataPacket(BigInt(from + i), packet));
}

export function filterConformance(make: MakeEngine): void {
  test('each rule counts what it let in, and what only its port or protocol kept out', async () => {
    await using rig = await ready(make, [{ ...SSH, sources: ['10.9.9.9/32'] }, SSH]);
    await arrive(rig, [tcp(22), tcp(22), tcp(22, 16), tcp(23), udp(22)]);
    expect(rig.engine.filterRules()).toEqual([
      { passed: 0, nearMisses: 0 },
      { passed: 2, nearMisses: 2 },
    ]);
    expect(rig.stat('drop.filtered')).toBe(2);
    const other = { ...SSH };
    rig.engine.apply([{ op: 'filter-set', rules: [SSH, other] }]);
    expect(rig.engine.filterRules()).toEqual([
      { passed: 2, nearMisses: 2 },
      { passed: 0, nearMisses: 0 },
    ]);
    rig.engine.apply([
      { op: 'filter-set', rules: [other, SSH] },
      { op: 'filter-set', rules: [SSH] },
    ]);
    expect(rig.engine.filterRules()).toEqual([{ passed: 2, nearMisses: 2 }]);
  });

  test('drops are told of, but few of a flood, and those of TCP apart from all others', async () => {
    await using rig = await ready(make, []);
    await arrive(
      rig,
      Array.from({ length: 60 }, () => udp(53)),
    );
    const ofUdp = rig.seen('filtered').length;
    expect(ofUdp).toBeGreaterThan(0);
    expect(ofUdp).toBeLessThan(20);
    await arrive(rig, [tcp(22)], 100);
    const last = rig.seen('filtered').at(-1);
    expect(last).toMatchObject({ peer: PEER, why: 'filtered' });
    expect(last?.data.subarray(0, 40)).toEqual(tcp(22).subarray(0, 40));
    expect(rig.stat('drop.filtered')).toBe(61);
  });

  test('an open port lets in beginnings of TCP and nothing else, from jailed peers too', async () => {
    await using rig = await ready(make, []);
    rig.engine.apply([{ op: 'tcp-open', at: [{ ip: INNER, port: 40_000 }] }]);
    await arrive(rig, [tcp(40_000), tcp(40_001), udp(40_000)]);
    expect(rig.toHost).toEqual([tcp(40_000)]);
    rig.engine.apply([{ op: 'tcp-open', at: [] }]);
    await arrive(rig, [tcp(40_000)], 10);
    expect(rig.toHost).toHaveLength(1);
    expect(() => rig.engine.apply([{ op: 'tcp-open', at: [{ ip: 'x', port: 1 }] }])).toThrow(
      'not an IP address',
    );
  });

  test('every reason for a drop has its own count', async () => {
    await using rig = await engineRig(make);
    rig.engine.apply([{ op: 'filter-set', rules: [] }]);
    rig.install();
    const to = (ip: string): Uint8Array => ipPacket({ from: FAR_INNER, to: ip });
    await arrive(rig, [
      to('224.0.0.1'),
      to('169.254.1.1'),
      ipPacket({ from: FAR_INNER, to: INNER, protocol: TCP }),
    ]);
    expect(['multicast', 'link-local', 'unreadable'].map((why) => rig.stat(`drop.in-${why}`))).toEqual([
      1, 1, 1,
    ]);
    rig.engine.apply([{ op: 'routes-set', routes: [{ prefix: '0.0.0.0/0', peer: PEER }] }]);
    for (const ip of ['224.0.0.1', '169.254.1.1']) rig.fromHost(ipPacket({ from: INNER, to: ip }));
    rig.fromHost(ipPacket({ from: INNER, to: FAR_INNER, protocol: TCP }));
    expect(['multicast', 'link-local', 'unreadable'].map((why) => rig.stat(`drop.out-${why}`))).toEqual([
      1, 1, 1,
    ]);
  });

  test("an answer of the other IP version's ICMP is none", async () => {
    await using rig = await ready(make, []);
    // Unreachable, in either version's numbers.
    const unreachable = (protocol: number, type: number): Uint8Array =>
      ipPacket({ from: FAR_INNER, to: INNER, protocol, payload: Uint8Array.of(type, 0, 0, 0, 0, 0, 0, 0) });
    await arrive(rig, [unreachable(1, 3), unreachable(58, 1)]);
    expect(rig.toHost).toEqual([unreachable(1, 3)]);
    expect(rig.stat('drop.in-unreadable')).toBe(1);
  });

  test('a tap sees what comes and goes, judged or not, until it is taken away', async () => {
    await using rig = await ready(make, []);
    const seen: [string, Uint8Array][] = [];
    rig.engine.setTap((way, packet) => seen.push([way, packet.slice()]));
    await arrive(rig, [tcp(22)]);
    const out = ipPacket({ from: INNER, to: FAR_INNER });
    rig.fromHost(out);
    rig.engine.inject([
      { kind: 'to-host', data: out },
      { kind: 'to-peer', peer: PEER, data: out },
    ]);
    expect(seen).toEqual([
      ['from-peer', tcp(22)],
      ['from-host', out],
      ['to-host', out],
      ['to-peer', out],
    ]);
    rig.engine.setTap(undefined);
    rig.fromHost(out);
    expect(seen).toHaveLength(4);
  });

  test('routes can be changed one by one', async () => {
    await using rig = await engineRig(make);
    rig.install();
    rig.sent.length = 0;
    const send = (to: string): void => rig.fromHost(ipPacket({ from: INNER, to }));
    rig.engine.apply([
      { op: 'routes-change', remove: [`${FAR_INNER}/32`], add: [{ prefix: '10.5.0.0/16', peer: PEER }] },
    ]);
    send(FAR_INNER);
    send('10.5.1.1');
    expect([rig.sent.length, rig.stat('drop.no-route')]).toEqual([1, 1]);
    expect(() =>
      rig.engine.apply([{ op: 'routes-change', remove: [], add: [{ prefix: '10.6.0.0/16', peer: 99 }] }]),
    ).toThrow('no peer 99');
  });
}
