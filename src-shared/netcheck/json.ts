/** A report as JSON, in the form, order and units of the official client (localapi-and-daemon.md §4.8). */
import { formatSockAddr, type SockAddr } from '../ip/address.ts';
import type { Latencies, NetReport, Seen } from './report.ts';

const NS_PER_MS = 1_000_000;

/** Objects are lists of entries, so that their order is ours: numbers as keys would be sorted by JavaScript. */
type Json = boolean | number | string | null | { readonly entries: readonly (readonly [string, Json])[] };

/** With an indent one member a line, else all in one line. No newline at the end. */
export const reportJson = (report: NetReport, indent: string): string => write(fieldsOf(report), indent, '');

const fieldsOf = (report: NetReport): Json => ({
  entries: [
    ['Now', new Date(report.nowMs).toISOString().replace(/\.?0*Z$/, 'Z')],
    ['UDP', report.udp],
    ['IPv6', report.ipv6],
    ['IPv4', report.ipv4],
    ['IPv6CanSend', report.ipv6CanSend],
    ['IPv4CanSend', report.ipv4CanSend],
    ['OSHasIPv6', report.osHasIpv6],
    ['ICMPv4', report.icmpv4],
    ['MappingVariesByDestIP', report.mappingVariesByDestIp ?? null],
    ['UPnP', report.upnp ?? null],
    ['PMP', report.pmp ?? null],
    ['PCP', report.pcp ?? null],
    ['PreferredDERP', report.preferredDerp],
    ['RegionLatency', latencies(report.regionLatencyMs)],
    ['RegionV4Latency', latencies(report.regionV4LatencyMs)],
    ['RegionV6Latency', latencies(report.regionV6LatencyMs)],
    ['GlobalV4Counters', counters(report.globalV4Counters)],
    ['GlobalV6Counters', counters(report.globalV6Counters)],
    ['GlobalV4', addr(report.globalV4)],
    ['GlobalV6', addr(report.globalV6)],
    ['CaptivePortal', report.captivePortal ?? null],
  ],
});

/** Keys are sorted as text, as the other writer does. */
const sorted = (entries: readonly (readonly [string, Json])[]): Json => ({
  entries: [...entries].sort(([a], [b]) => (a < b ? -1 : 1)),
});

const latencies = (of: Latencies): Json =>
  sorted([...of].map(([region, ms]) => [String(region), Math.round(ms * NS_PER_MS)]));

const counters = (of: ReadonlyMap<string, Seen>): Json =>
  of.size === 0 ? null : sorted([...of].map(([text, { count }]) => [text, count]));

const addr = (of: SockAddr | undefined): string => (of === undefined ? '' : formatSockAddr(of));

function write(value: Json, indent: string, prefix: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (value.entries.length === 0) return '{}';
  const inner = prefix + indent;
  const [newline, colon] = indent === '' ? ['', ':'] : ['\n', ': '];
  const members = value.entries.map(
    ([name, item]) => `${newline}${inner}${JSON.stringify(name)}${colon}${write(item, indent, inner)}`,
  );
  return `{${members.join(',')}${newline}${prefix}}`;
}
