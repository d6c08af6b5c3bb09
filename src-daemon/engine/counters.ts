/** The engines' counters: a fixed, append-only list of names; every drop has one. */

export const COUNTER_NAMES = [
  'tx.packets',
  'tx.bytes',
  'tx.keepalives',
  'tx.relay',
  'rx.packets',
  'rx.bytes',
  'rx.keepalives',
  'rx.relay',
  'handshake.received',
  'handshake.cookies-sent',
  'drop.junk',
  'drop.geneve',
  'drop.length',
  'drop.mac1',
  'drop.mac2',
  'drop.limiter',
  'drop.handshake-queue',
  'drop.not-ready',
  'drop.unknown-index',
  'drop.expired-key',
  'drop.replay',
  'drop.not-authentic',
  'drop.bad-inner',
  'drop.wrong-source',
  'drop.not-local',
  'drop.no-route',
  'drop.to-self',
  'drop.tsmp-from-host',
  'drop.staged',
  'drop.no-path',
  'drop.no-socket',
  'drop.send-failed',
  'drop.tun-write',
  'drop.record-queue',
  'drop.in-unreadable',
  'drop.in-multicast',
  'drop.in-link-local',
  'drop.out-unreadable',
  'drop.out-multicast',
  'drop.out-link-local',
  'drop.filtered',
  'drop.jailed',
  // Only the native engine has large packets, or heeds marks of congestion.
  'drop.bad-vnet',
  'drop.truncated',
  'drop.would-block',
  'drop.congested',
] as const;

export type CounterName = (typeof COUNTER_NAMES)[number];
export type Counters = Record<CounterName, number>;

export function newCounters(): Counters {
  const counters: Partial<Counters> = {};
  for (const name of COUNTER_NAMES) counters[name] = 0;
  return counters as Counters;
}

export function toStats(counters: Counters): Record<string, bigint> {
  const stats: Record<string, bigint> = {};
  for (const name of COUNTER_NAMES) stats[name] = BigInt(counters[name]);
  return stats;
}
