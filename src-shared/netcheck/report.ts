/** What a network check found out (nat-traversal.md §2.7), and how answers add up to it. Pure. */
import { formatSockAddr, type SockAddr } from '../ip/address.ts';
import type { Family } from './relay-map.ts';

/** By region number, ms. */
export type Latencies = ReadonlyMap<number, number>;

/** What one server saw as our address: material for guessing which port a NAT gives next. */
export interface MappingSample {
  readonly server: SockAddr;
  readonly mapped: SockAddr;
  /** Monotonic clock, ms. */
  readonly atMs: number;
}

/** Undefined means that it is not known. */
export interface NetReport {
  /** Wall clock at the end of the check. */
  readonly nowMs: number;
  /** All regions were to be measured, not the nearest alone. */
  readonly isFull: boolean;
  /** An answer came by UDP. */
  readonly udp: boolean;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly ipv4CanSend: boolean;
  readonly ipv6CanSend: boolean;
  readonly osHasIpv6: boolean;
  readonly icmpv4: boolean;
  /** The NAT gives each destination a mapping of its own ("hard" NAT), seen by IPv4. */
  readonly mappingVariesByDestIp: boolean | undefined;
  readonly hairpin: boolean | undefined;
  readonly upnp: boolean | undefined;
  readonly pmp: boolean | undefined;
  readonly pcp: boolean | undefined;
  /** 0 = none. */
  readonly preferredDerp: number;
  readonly regionLatencyMs: Latencies;
  readonly regionV4LatencyMs: Latencies;
  readonly regionV6LatencyMs: Latencies;
  readonly globalV4: SockAddr | undefined;
  readonly globalV6: SockAddr | undefined;
  /** How often each address was seen, by `formatSockAddr`. */
  readonly globalV4Counters: ReadonlyMap<string, Seen>;
  readonly globalV6Counters: ReadonlyMap<string, Seen>;
  readonly captivePortal: boolean | undefined;
  /** In the order in which the answers came. */
  readonly mappings: readonly MappingSample[];
}

export interface Seen {
  readonly addr: SockAddr;
  readonly count: number;
}

/** A report in the making; frozen into a NetReport when the check ends. */
export type Draft = { -readonly [K in keyof NetReport]: NetReport[K] } & {
  regionLatencyMs: Map<number, number>;
  regionV4LatencyMs: Map<number, number>;
  regionV6LatencyMs: Map<number, number>;
  globalV4Counters: Map<string, Seen>;
  globalV6Counters: Map<string, Seen>;
  mappings: MappingSample[];
};

export function newDraft(): Draft {
  return {
    nowMs: 0,
    isFull: false,
    udp: false,
    ipv4: false,
    ipv6: false,
    ipv4CanSend: false,
    ipv6CanSend: false,
    osHasIpv6: false,
    icmpv4: false,
    mappingVariesByDestIp: undefined,
    hairpin: undefined,
    upnp: undefined,
    pmp: undefined,
    pcp: undefined,
    preferredDerp: 0,
    regionLatencyMs: new Map(),
    regionV4LatencyMs: new Map(),
    regionV6LatencyMs: new Map(),
    globalV4: undefined,
    globalV6: undefined,
    globalV4Counters: new Map(),
    globalV6Counters: new Map(),
    captivePortal: undefined,
    mappings: [],
  };
}

export interface StunAnswer {
  readonly region: number;
  readonly server: SockAddr;
  readonly mapped: SockAddr;
  readonly latencyMs: number;
  /** Monotonic clock. */
  readonly atMs: number;
}

export const familyOf = (addr: SockAddr): Family => (addr.ip.includes(':') ? 6 : 4);

/** The family is that of the mapped address: behind a translator it is not that of the server. */
export function addStunAnswer(draft: Draft, answer: StunAnswer): void {
  const { mapped, server, latencyMs, region, atMs } = answer;
  draft.udp = true;
  noteLatency(draft.regionLatencyMs, region, latencyMs);
  if (familyOf(mapped) === 6) {
    noteLatency(draft.regionV6LatencyMs, region, latencyMs);
    draft.ipv6 = true;
    draft.globalV6 = mapped;
    count(draft.globalV6Counters, mapped);
  } else {
    noteLatency(draft.regionV4LatencyMs, region, latencyMs);
    draft.ipv4 = true;
    draft.globalV4 ??= mapped;
    count(draft.globalV4Counters, mapped);
    draft.mappingVariesByDestIp = varies(draft.mappings, { server, mapped }, draft.mappingVariesByDestIp);
  }
  draft.mappings.push({ server, mapped, atMs });
}

/**
 * Needs the word of two servers: two answers of one say nothing about other destinations, although the official client takes
 * them for it. Compared is with the first, so that a mapping that changes once does not look like one that varies always.
 */
export function varies(
  earlier: readonly MappingSample[],
  sample: Pick<MappingSample, 'server' | 'mapped'>,
  known: boolean | undefined,
): boolean | undefined {
  const first = earlier.find(({ mapped }) => familyOf(mapped) === 4);
  if (first === undefined || known === true || same(first.server, sample.server)) return known;
  return !same(first.mapped, sample.mapped);
}

const same = (a: SockAddr, b: SockAddr): boolean => a.ip === b.ip && a.port === b.port;

export function noteLatency(latencies: Map<number, number>, region: number, latencyMs: number): void {
  const known = latencies.get(region);
  if (known === undefined || latencyMs < known) latencies.set(region, latencyMs);
}

function count(counters: Map<string, Seen>, addr: SockAddr): void {
  const key = formatSockAddr(addr);
  counters.set(key, { addr, count: (counters.get(key)?.count ?? 0) + 1 });
}

/**
 * Addresses worth telling to peers, the main one first. Those seen once are left out, as a hard NAT makes one for each server;
 * those seen again are worth it, as some firewalls begin new mappings while an old one lives.
 */
export function globalAddrs(report: NetReport): {
  readonly v4: readonly SockAddr[];
  readonly v6: readonly SockAddr[];
} {
  return {
    v4: worthTelling(report.globalV4, report.globalV4Counters),
    v6: worthTelling(report.globalV6, report.globalV6Counters),
  };
}

function worthTelling(main: SockAddr | undefined, counters: ReadonlyMap<string, Seen>): SockAddr[] {
  if (main === undefined) return [];
  const others = [...counters.values()].filter(({ addr, count: times }) => times > 1 && !same(addr, main));
  return [main, ...others.map(({ addr }) => addr)];
}

export const isPortMapChecked = ({ upnp, pmp, pcp }: NetReport): boolean =>
  upnp !== undefined || pmp !== undefined || pcp !== undefined;
