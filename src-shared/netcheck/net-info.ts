/** A report as the coordination server wants it: NetInfo, and when it has changed enough to be sent again (control-protocol.md §4.4). */
import type { Hostinfo } from '../wire/hostinfo.ts';
import type { NetReport } from './report.ts';

export type NetInfo = Partial<NonNullable<Hostinfo['NetInfo']>>;

export interface NetInfoExtras {
  /** Our home, which need not be what the report prefers; 0 = none. */
  readonly home: number;
  /** A router has mapped a port for us just now. */
  readonly havePortMap: boolean;
  /** `nft` or `ipt` with a suffix; empty where it does not apply. */
  readonly firewallMode?: string | undefined;
}

/** What is not known is left out. */
export function netInfoOf(report: NetReport, extras: NetInfoExtras): NetInfo {
  const { firewallMode = '' } = extras;
  const latency: Record<string, number> = {};
  for (const [region, ms] of report.regionV4LatencyMs) latency[`${region}-v4`] = ms / 1_000;
  for (const [region, ms] of report.regionV6LatencyMs) latency[`${region}-v6`] = ms / 1_000;
  return {
    ...given('MappingVariesByDestIP', report.mappingVariesByDestIp),
    WorkingIPv6: report.ipv6,
    OSHasIPv6: report.osHasIpv6,
    WorkingUDP: report.udp,
    WorkingICMPv4: report.icmpv4,
    ...given('UPnP', report.upnp),
    ...given('PMP', report.pmp),
    ...given('PCP', report.pcp),
    ...(extras.havePortMap && { HavePortMap: true }),
    ...(extras.home !== 0 && { PreferredDERP: extras.home }),
    ...(Object.keys(latency).length > 0 && { DERPLatency: latency }),
    ...(firewallMode !== '' && { FirewallMode: firewallMode }),
  };
}

const given = (name: string, value: boolean | undefined): Readonly<Record<string, boolean>> =>
  value === undefined ? {} : { [name]: value };

const MATERIAL = [
  'MappingVariesByDestIP',
  'WorkingIPv6',
  'OSHasIPv6',
  'WorkingUDP',
  'WorkingICMPv4',
  'HavePortMap',
  'UPnP',
  'PMP',
  'PCP',
  'PreferredDERP',
  'LinkType',
  'FirewallMode',
] as const;

/** Latencies change with every check; alone they are not worth a message. */
export const isMateriallyEqual = (a: NetInfo | undefined, b: NetInfo | undefined): boolean =>
  a === undefined || b === undefined ? a === b : MATERIAL.every((name) => a[name] === b[name]);
