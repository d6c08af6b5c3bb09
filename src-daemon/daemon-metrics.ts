/** Which numbers the daemon shows: `metrics` for developers, `usermetrics` under the official names. */
import type { Health } from './health/health.ts';
import { MetricsRegistry, type Sample } from './metrics/metrics.ts';
import { type PeerTraffic, type Totals, TrafficByPath } from './metrics/traffic.ts';

type Counters = Readonly<Record<string, number | bigint>>;

export interface MetricSources {
  readonly engine: () => Counters;
  readonly disco: () => Counters;
  readonly relays: () => Counters;
  readonly stun: () => Counters;
  /** Region of the home relay; 0 = none. */
  readonly home: () => number;
  readonly traffic: () => Iterable<PeerTraffic>;
  readonly health: () => Pick<Health, 'visible'> | undefined;
}

export function clientMetrics(from: MetricSources): MetricsRegistry {
  const registry = new MetricsRegistry();
  registry.collect('rhumbd_engine', 'packet engine', from.engine);
  registry.collect('rhumbd_disco', 'disco messages', from.disco);
  registry.collect('rhumbd_derp', 'packets by relay', from.relays);
  registry.collect('rhumbd_stun', 'address discovery', from.stun);
  registry.register({
    name: 'rhumbd_resident_bytes',
    kind: 'gauge',
    help: 'resident memory of the daemon',
    read: () => [{ value: process.memoryUsage.rss() }],
  });
  return registry;
}

const INBOUND_DROPS = [
  'drop.bad-inner',
  'drop.wrong-source',
  'drop.not-local',
  'drop.not-authentic',
  'drop.replay',
];
const OUTBOUND_DROPS = [
  'drop.no-route',
  'drop.staged',
  'drop.no-path',
  'drop.send-failed',
  'drop.tsmp-from-host',
];

const sum = (counters: Counters, names: readonly string[]): bigint =>
  names.reduce((total, name) => total + BigInt(counters[name] ?? 0), 0n);

export function userMetrics(from: MetricSources): MetricsRegistry {
  const registry = new MetricsRegistry();
  const byPath = new TrafficByPath();
  const traffic = (name: string, field: keyof Totals, help: string): void =>
    registry.register({
      name,
      kind: 'counter',
      help,
      read: () =>
        [...byPath.look(from.traffic())].map(
          ([path, totals]): Sample => ({ labels: { path }, value: totals[field] }),
        ),
    });
  traffic('tailscaled_inbound_bytes_total', 'rxBytes', 'bytes received from other peers');
  traffic('tailscaled_inbound_packets_total', 'rxPackets', 'packets received from other peers');
  traffic('tailscaled_outbound_bytes_total', 'txBytes', 'bytes sent to other peers');
  traffic('tailscaled_outbound_packets_total', 'txPackets', 'packets sent to other peers');
  const drops = (name: string, names: readonly string[], help: string): void =>
    registry.register({
      name,
      kind: 'counter',
      help,
      read: () => [{ labels: { reason: 'error' }, value: sum(from.engine(), names) }],
    });
  drops(
    'tailscaled_inbound_dropped_packets_total',
    INBOUND_DROPS,
    'packets from other peers that were dropped',
  );
  drops(
    'tailscaled_outbound_dropped_packets_total',
    OUTBOUND_DROPS,
    'packets to other peers that were dropped',
  );
  registry.register({
    name: 'tailscaled_health_messages',
    kind: 'gauge',
    help: 'number of health messages by type',
    read: () => [{ labels: { type: 'warning' }, value: from.health()?.visible().length ?? 0 }],
  });
  const none = (name: string, help: string): void =>
    registry.register({ name, kind: 'gauge', help, read: () => [{ value: 0 }] });
  none('tailscaled_advertised_routes', 'advertised network routes');
  none('tailscaled_approved_routes', 'approved network routes');
  registry.register({
    name: 'tailscaled_home_derp_region_id',
    kind: 'gauge',
    help: 'region of the home relay; 0 = none',
    read: () => [{ value: from.home() }],
  });
  return registry;
}
