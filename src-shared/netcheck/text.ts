/** A report as text, line for line as the official client has it (localapi-and-daemon.md §4.8). */
import { formatSockAddr } from '../ip/address.ts';
import type { DerpMap } from '../wire/map.ts';
import { type RelayRegion, regionsOf } from './relay-map.ts';
import { isPortMapChecked, type NetReport } from './report.ts';

export interface TextOptions {
  /** Shows the numbers of regions. */
  readonly isVerbose: boolean;
  /** Minutes that the local time is ahead of UTC at a moment. */
  readonly utcOffsetMin: (atMs: number) => number;
}

export function renderReport(map: DerpMap, report: NetReport, options: TextOptions): string {
  const lines = [
    '',
    'Report:',
    `\t* Time: ${localTime(report.nowMs, options.utcOffsetMin(report.nowMs))}`,
    `\t* UDP: ${report.udp}`,
    `\t* IPv4: ${report.globalV4 === undefined ? '(no addr found)' : `yes, ${formatSockAddr(report.globalV4)}`}`,
    `\t* IPv6: ${ipv6(report)}`,
    `\t* MappingVariesByDestIP: ${report.mappingVariesByDestIp ?? ''}`,
    `\t* PortMapping: ${portMapping(report)}`,
    ...(report.captivePortal === undefined ? [] : [`\t* CaptivePortal: ${report.captivePortal}`]),
    ...relays(map, report, options.isVerbose),
  ];
  return `${lines.join('\n')}\n`;
}

function ipv6(report: NetReport): string {
  if (report.globalV6 !== undefined) return `yes, ${formatSockAddr(report.globalV6)}`;
  if (report.ipv6) return '(no addr found)';
  return report.osHasIpv6 ? 'no, but OS has support' : 'no, unavailable in OS';
}

function portMapping(report: NetReport): string {
  if (!isPortMapChecked(report)) return 'not checked';
  const found = [
    [report.upnp, 'UPnP'],
    [report.pmp, 'NAT-PMP'],
    [report.pcp, 'PCP'],
  ] as const;
  return found.flatMap(([is, name]) => (is === true ? [name] : [])).join(', ');
}

function relays(map: DerpMap, report: NetReport, isVerbose: boolean): readonly string[] {
  const latencies = report.regionLatencyMs;
  if (latencies.size === 0) return ['\t* Nearest DERP: unknown (no response to latency probes)'];
  const far = Number.POSITIVE_INFINITY;
  const distance = ({ RegionID }: RelayRegion): number => latencies.get(RegionID) ?? far;
  // Numbers break the tie, which the order of the list does already.
  const regions = [...regionsOf(map)].sort((a, b) =>
    distance(a) === distance(b) ? 0 : distance(a) - distance(b),
  );
  return [
    `\t* Nearest DERP: ${nearest(regions, report.preferredDerp)}`,
    '\t* DERP latency:',
    ...regions.map((region) => {
      const ms = latencies.get(region.RegionID);
      const latency = ms === undefined ? '' : shortDuration(ms);
      const number = isVerbose ? `derp${region.RegionID}, ` : '';
      return `\t\t- ${padStart(region.RegionCode, 3)}: ${padEnd(latency, 7)} (${number}${region.RegionName})`;
    }),
  ];
}

function nearest(regions: readonly RelayRegion[], preferred: number): string {
  if (preferred === 0) return '[none]';
  const region = regions.find(({ RegionID }) => RegionID === preferred);
  return region?.RegionName ?? `${preferred} (region not found in map)`;
}

const padding = (text: string, width: number): string => ' '.repeat(Math.max(0, width - [...text].length));
const padStart = (text: string, width: number): string => padding(text, width) + text;
const padEnd = (text: string, width: number): string => text + padding(text, width);

/** To a tenth of a millisecond: `600µs`, `12.3ms`, `1.2345s`. */
export function shortDuration(ms: number): string {
  const tenths = Math.round(ms * 10);
  if (tenths === 0) return '0s';
  if (tenths < 10) return `${tenths * 100}µs`;
  if (tenths < 10_000) return `${tenths / 10}ms`;
  const seconds = (tenths % 600_000) / 10_000;
  const minutes = Math.floor(tenths / 600_000);
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds}s`;
}

/** `2026-01-02 03:04:05.678+01:00`; without zeros at the end of the fraction, `Z` for UTC. */
export function localTime(atMs: number, offsetMin: number): string {
  const text = new Date(atMs + offsetMin * 60_000)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.?0*Z$/, '');
  if (offsetMin === 0) return `${text}Z`;
  const minutes = Math.abs(offsetMin);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${text}${offsetMin < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
