/** Which servers a check asks, and when: the plans of nat-traversal.md §2.5. Pure. */
import type { DerpMap } from '../wire/map.ts';
import {
  type Family,
  hostOf,
  isTestNode,
  measurable,
  type RelayNode,
  type RelayRegion,
  stunPort,
} from './relay-map.ts';
import type { Latencies } from './report.ts';

const INITIAL_TRIES = 3;
const INITIAL_SPACING_MS = 100;
/** Between tries at a region whose latency is not known. */
const RETRANSMIT_MS = 200;
/** A try comes when an answer to the one before is overdue by a fifth. */
const OVERDUE = 1.2;
/** Added for each try beyond the second. */
const BACKOFF_MS = 50;
const INCREMENTAL_REGIONS = 3;
const FASTEST = 2;
const HOME_TRIES = 4;
const FASTEST_TRIES = 2;

export interface Probe {
  readonly node: RelayNode;
  /** From the start of the check. */
  readonly delayMs: number;
}

/** Tries at one region in one family; the first answer ends it. */
export interface ProbeSet {
  readonly region: number;
  readonly family: Family;
  /** A second opinion about our mapping is wanted, the latency is known from another set. */
  readonly isForMapping: boolean;
  readonly probes: readonly Probe[];
}

/** What the last check knew. */
export interface LastKnown {
  readonly regionLatencyMs: Latencies;
  readonly regionV4LatencyMs: Latencies;
  readonly regionV6LatencyMs: Latencies;
}

export interface PlanInput {
  readonly map: DerpMap;
  /** The host has addresses of the family. */
  readonly has4: boolean;
  readonly has6: boolean;
  /** Undefined asks for a full check. */
  readonly last: LastKnown | undefined;
  /** 0 = none. */
  readonly home: number;
  /** Measure these alone. */
  readonly onlyRegions?: ReadonlySet<number> | undefined;
}

export function planProbes(input: PlanInput): readonly ProbeSet[] {
  const regions = measurable(input.map).filter(
    ({ RegionID }) => input.onlyRegions === undefined || input.onlyRegions.has(RegionID),
  );
  const { last } = input;
  const sets =
    last === undefined || last.regionLatencyMs.size === 0
      ? initialPlan(input, regions)
      : incrementalPlan(input, last, regions);
  return [...sets, ...mappingSets(sets)];
}

function initialPlan(input: PlanInput, regions: readonly RelayRegion[]): ProbeSet[] {
  return regions.flatMap((region) => {
    const tries = Array.from({ length: INITIAL_TRIES }, (_, at) =>
      probeOf(region, at, at * INITIAL_SPACING_MS),
    );
    return ([4, 6] as const).flatMap((family) => setOf(region, family, tries, has(input, family)));
  });
}

function incrementalPlan(input: PlanInput, last: LastKnown, regions: readonly RelayRegion[]): ProbeSet[] {
  const had6 = last.regionV6LatencyMs.size > 0;
  const hadBoth = input.has6 && had6 && last.regionV4LatencyMs.size > 0;
  const sorted = bySpeed(regions, last, input.home);
  return sorted.flatMap((region, at) => {
    const isHome = region.RegionID === input.home;
    const isFast = at < FASTEST;
    // The home is always among them: one slow answer must not keep it out of the next check, where it could set that right.
    if (at >= INCREMENTAL_REGIONS && !isHome) return [];
    const tries = isHome ? HOME_TRIES : isFast ? FASTEST_TRIES : 1;
    const stepMs = overdueMs(last.regionLatencyMs.get(region.RegionID));
    const probes = Array.from({ length: tries }, (_, n) =>
      probeOf(region, n, n * stepMs + (n > 1 ? n * BACKOFF_MS : 0)),
    );
    // Of the slower regions a dual-stack host asks each in one family only.
    const isOnly = hadBoth && !isHome && !isFast ? (at % 2 === 0 ? 4 : 6) : undefined;
    const do6 = input.has6 && isOnly !== 4 && (isHome || isFast || had6);
    return [
      ...setOf(region, 4, probes, input.has4 && isOnly !== 6),
      // Where IPv6 did not answer the last time, one try is enough to see whether it does now.
      ...setOf(region, 6, had6 ? probes : probes.slice(0, 1), do6),
    ];
  });
}

const overdueMs = (latencyMs: number | undefined): number =>
  latencyMs === undefined || latencyMs === 0 ? RETRANSMIT_MS : latencyMs * OVERDUE;

/** Those that answered the last time first, the fastest leading. */
function bySpeed(regions: readonly RelayRegion[], last: LastKnown, home: number): RelayRegion[] {
  const latency = ({ RegionID }: RelayRegion): number =>
    last.regionLatencyMs.get(RegionID) ?? Number.POSITIVE_INFINITY;
  return regions
    .filter(({ Avoid, RegionID }) => Avoid !== true || RegionID === home)
    .sort((a, b) => (latency(a) === latency(b) ? a.RegionID - b.RegionID : latency(a) - latency(b)));
}

const has = (input: PlanInput, family: Family): boolean => (family === 4 ? input.has4 : input.has6);

interface Try {
  readonly node: RelayNode | undefined;
  readonly delayMs: number;
}

/** Tries walk through the nodes of a region. */
function probeOf(region: RelayRegion, at: number, delayMs: number): Try {
  const nodes = region.Nodes ?? [];
  return { node: nodes[at % nodes.length], delayMs };
}

function setOf(region: RelayRegion, family: Family, tries: readonly Try[], isWanted: boolean): ProbeSet[] {
  const probes = tries.flatMap(({ node, delayMs }) =>
    node !== undefined && (isWanted || isTestNode(node)) && canAsk(node, family) ? [{ node, delayMs }] : [],
  );
  return probes.length === 0 ? [] : [{ region: region.RegionID, family, isForMapping: false, probes }];
}

const canAsk = (node: RelayNode, family: Family): boolean =>
  stunPort(node) !== undefined && hostOf(node, family) !== undefined;

/**
 * Only two servers can show that our mapping varies, and the set of a region ends with its first answer. Where a single region
 * is asked by IPv4 but has several servers, the others get a set of their own.
 */
function mappingSets(sets: readonly ProbeSet[]): ProbeSet[] {
  const [only, ...rest] = sets.filter(({ family }) => family === 4);
  if (only === undefined || rest.length > 0) return [];
  const [first] = only.probes;
  if (first === undefined) return [];
  const others = only.probes.filter(({ node }) => serverOf(node) !== serverOf(first.node));
  const [second] = others;
  if (second === undefined) return [];
  const probes = only.probes.map(({ delayMs }) => ({ node: second.node, delayMs }));
  return [{ ...only, isForMapping: true, probes }];
}

const serverOf = (node: RelayNode): string => `${JSON.stringify(hostOf(node, 4))} ${stunPort(node)}`;
