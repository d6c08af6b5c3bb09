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
  /** Network routes of this machine, without those of an exit node. */
  readonly routes: () => { readonly advertised: number; readonly approved: number };
  readonly peerApi: () => Counters;
  readonly filter: () => Counters;
  readonly health: () => Pick<Health, 'visible'> | undefined;
}

export function clientMetrics(from: MetricSources): MetricsRegistry {
  const registry = new MetricsRegistry();
  registry.collect('rhumbd_engine', 'packet engine', from.engine);
  registry.collect('rhumbd_disco', 'disco messages', from.disco);
  registry.collect('rhumbd_derp', 'packets by relay', from.relays);
  registry.collect('rhumbd_stun', 'address discovery', from.stun);
  registry.collect('rhumbd_peerapi', 'PeerAPI', from.peerApi);
  registry.collect('rhumbd_filter', 'packet filter', from.filter);
  registry.register({
    name: 'rhumbd_resident_bytes',
    kind: 'gauge',
    help: 'resident memory of the daemon',
    read: () => [{ value: process.memoryUsage.rss() }],
  });
  return registry;
}

type Reason = 'acl' | 'multicast' | 'link_local_unicast' | 'too_short' | 'unknown_protocol' | 'error';
type Drops = readonly (readonly [Reason, readonly string[]])[];

/** The engine's counters behind each reason of the official client. */
const INBOUND_DROPS: Drops = [
  ['acl', ['drop.filtered', 'drop.jailed', 'drop.not-local']],
  ['multicast', ['drop.in-multicast']],
  ['link_local_unicast', ['drop.in-link-local']],
  ['unknown_protocol', ['drop.in-unreadable']],
  ['error', ['drop.bad-inner', 'drop.wrong-source', 'drop.not-authentic', 'drop.replay', 'drop.tun-write']],
];
const OUTBOUND_DROPS: Drops = [
  ['multicast', ['drop.out-multicast']],
  ['link_local_unicast', ['drop.out-link-local']],
  ['unknown_protocol', ['drop.out-unreadable', 'drop.tsmp-from-host']],
  ['error', ['drop.no-route', 'drop.staged', 'drop.no-path', 'drop.no-socket', 'drop.send-failed']],
];
/** Every label is there from the start, so that rates can be taken of it. Peer relays are not used yet. */
const PATHS = ['direct_ipv4', 'direct_ipv6', 'derp', 'peer_relay_ipv4', 'peer_relay_ipv6'] as const;

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
      read: () => {
        const totals = byPath.look(from.traffic());
        return PATHS.map((path): Sample => ({ labels: { path }, value: totals.get(path)?.[field] ?? 0 }));
      },
    });
  traffic('tailscaled_inbound_bytes_total', 'rxBytes', 'bytes received from other peers');
  traffic('tailscaled_inbound_packets_total', 'rxPackets', 'packets received from other peers');
  traffic('tailscaled_outbound_bytes_total', 'txBytes', 'bytes sent to other peers');
  traffic('tailscaled_outbound_packets_total', 'txPackets', 'packets sent to other peers');
  const drops = (name: string, reasons: Drops, help: string): void =>
    registry.register({
      name,
      kind: 'counter',
      help,
      read: () => {
        const counters = from.engine();
        return reasons.map(([reason, names]) => ({ labels: { reason }, value: sum(counters, names) }));
      },
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
  const routes = (name: string, field: 'advertised' | 'approved', help: string): void =>
    registry.register({ name, kind: 'gauge', help, read: () => [{ value: from.routes()[field] }] });
  routes('tailscaled_advertised_routes', 'advertised', 'advertised network routes');
  routes('tailscaled_approved_routes', 'approved', 'network routes of this machine that are approved');
  registry.register({
    name: 'tailscaled_home_derp_region_id',
    kind: 'gauge',
    help: 'region of the home relay; 0 = none',
    read: () => [{ value: from.home() }],
  });
  return registry;
}
