/** `filter`: how many packets a second the packet filter judges, by number of rules, and what it costs to take the rules in. */
import { performance } from 'node:perf_hooks';
import { PacketFilter } from '../src-daemon/engine/packet-filter.ts';
import type { FilterRuleSpec } from '../src-daemon/engine/types.ts';
import { ipPacket } from '../src-daemon/testing/packets.ts';
import type { Benchmark, Measured } from './benchmark.ts';

const RULES = [1, 100, 10_000] as const;
const PACKETS = 200_000;
const DIFFERENT = 4_096;
const TCP = 6;
/** A packet may cost ten thousand rules no more than this many times what it costs one. */
const GOAL_TIMES = 5;

const OWN = '100.64.0.1';
const peerIp = (i: number): string => `100.${65 + ((i >> 16) & 31)}.${(i >> 8) & 255}.${i & 255}`;

/** Each rule lets a group of twenty machines reach one port; the groups overlap. */
const rulesOf = (count: number): readonly FilterRuleSpec[] =>
  Array.from({ length: count }, (_, r) => ({
    protocols: [TCP],
    sources: Array.from({ length: 20 }, (_source, k) => `${peerIp((r * 7 + k) % 5_000)}/32`),
    destinations: [{ prefix: `${OWN}/32`, first: 1_000 + (r % 60_000), last: 1_000 + (r % 60_000) }],
  }));

/** The first packets of connections: those that rules are for. Half of them are let in. */
function packetsFor(count: number): readonly Uint8Array[] {
  return Array.from({ length: DIFFERENT }, (_, i) => {
    const rule = (i * 31) % count;
    const port = 1_000 + (rule % 60_000) + (i % 2);
    const payload = new Uint8Array(20);
    payload.set([0x9c, 0x40, port >> 8, port & 255]);
    payload[13] = 2;
    return ipPacket({ from: peerIp((rule * 7 + (i % 20)) % 5_000), to: OWN, protocol: TCP, payload });
  });
}

async function run(signal: AbortSignal): Promise<Measured> {
  const figures: Record<string, number> = {};
  for (const count of RULES) {
    signal.throwIfAborted();
    const rules = rulesOf(count);
    const packets = packetsFor(count);
    const filter = new PacketFilter();
    const compiled = performance.now();
    filter.set(rules);
    figures[`compile${count}Ms`] = Math.round((performance.now() - compiled) * 100) / 100;
    const first = performance.now();
    for (const packet of packets) filter.inbound(packet, packet.length, 4, 1, false);
    figures[`firstUs${count}`] = Math.round(((performance.now() - first) / packets.length) * 100_000) / 100;
    let passed = 0;
    const began = performance.now();
    for (let i = 0; i < PACKETS; i++) {
      const packet = packets[i % DIFFERENT] as Uint8Array;
      if (filter.inbound(packet, packet.length, 4, 1, false) === 'pass') passed++;
    }
    figures[`packetsPerSecond${count}`] = Math.round(PACKETS / ((performance.now() - began) / 1_000));
    if (passed === 0 || passed === PACKETS) throw new Error(`${count} rules tell no packets apart`);
  }
  const [one, , many] = RULES.map((count) => figures[`packetsPerSecond${count}`] ?? 0);
  const missed =
    (many ?? 0) * GOAL_TIMES < (one ?? 0)
      ? [
          `10 000 rules: ${many} packets a second, with one rule ${one}: more than ${GOAL_TIMES} times the cost`,
        ]
      : [];
  return { figures, missed };
}

export const filter: Benchmark = {
  name: 'filter',
  what: 'first packets of connections through 1, 100 and 10 000 rules: packets a second, and the time to take the rules in',
  run,
};
