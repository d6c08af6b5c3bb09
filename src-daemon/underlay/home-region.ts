/** Which relay region becomes our home after a network check (nat-traversal.md §1.12, "home choice rules"). Pure. */
import type { DerpMap } from '#shared/wire/map.ts';

export interface HomeFacts {
  readonly map: DerpMap | undefined;
  /** 0 = none yet. */
  readonly current: number;
  /** Preferred region of the last check; 0 = it found none. */
  readonly preferred: number;
  /** Peers learn of a new home only from the server: without it a move would make us unreachable by relay. */
  readonly isControlUp: boolean;
  /** In [0, 1), the same for the life of the process: machines that can't measure spread over the regions. */
  readonly seed: number;
  /** Homes of our peers: where no check succeeds, the region that most of them use is the likeliest to work. */
  readonly peerHomes: readonly number[];
  /** Regions whose relays do not let us in although they answer probes. */
  readonly avoid: ReadonlySet<number>;
  /** Measured lately, ms by region. */
  readonly latencies: ReadonlyMap<number, number>;
}

/** 0 = no region at all. */
export function nextHome(facts: HomeFacts): number {
  const { map, current, preferred, isControlUp } = facts;
  const regions = homeRegions(map);
  const isKnown = (region: number): boolean => regions.includes(region);
  // A home that left the map is no home, whatever the server's state: staying would leave us without any relay.
  const kept = isKnown(current) ? current : 0;
  if (kept !== 0 && !isControlUp) return kept;
  const wanted = isKnown(preferred) ? preferred : kept !== 0 ? kept : guess(regions, facts);
  return facts.avoid.has(wanted)
    ? (elsewhere(regions, wanted, facts) ?? (kept === 0 ? wanted : kept))
    : wanted;
}

/** Regions that may be a home, in numeric order. */
export function homeRegions(map: DerpMap | undefined): number[] {
  return Object.values(map?.Regions ?? {})
    .filter((region) => region !== null)
    .filter(
      // 0 is no region, and the server takes no home below it.
      ({ RegionID, NoMeasureNoHome, Nodes }) =>
        RegionID > 0 && NoMeasureNoHome !== true && hasRelay(Nodes ?? []),
    )
    .map(({ RegionID }) => RegionID)
    .sort((a, b) => a - b);
}

const hasRelay = (nodes: readonly { readonly STUNOnly?: boolean | undefined }[]): boolean =>
  nodes.some(({ STUNOnly }) => STUNOnly !== true);

/** The nearest region that is not avoided and not the same machine under another number. */
function elsewhere(
  regions: readonly number[],
  wanted: number,
  { map, avoid, latencies }: HomeFacts,
): number | undefined {
  const hosts = hostsOf(map, wanted);
  const scores = map?.HomeParams?.RegionScore ?? {};
  const cost = (region: number): number => {
    const score = scores[String(region)] ?? 1;
    return (latencies.get(region) ?? Number.POSITIVE_INFINITY) * (score > 0 ? score : 1);
  };
  const [best] = regions
    .filter((region) => !avoid.has(region) && latencies.has(region))
    .filter((region) => ![...hostsOf(map, region)].some((host) => hosts.has(host)))
    .sort((a, b) => cost(a) - cost(b));
  return best;
}

const hostsOf = (map: DerpMap | undefined, region: number): ReadonlySet<string> =>
  new Set((map?.Regions?.[String(region)]?.Nodes ?? []).map(({ HostName }) => HostName));

function guess(regions: readonly number[], { peerHomes, seed }: HomeFacts): number {
  const votes = new Map<number, number>();
  const known = new Set(regions);
  for (const home of peerHomes) if (known.has(home)) votes.set(home, (votes.get(home) ?? 0) + 1);
  const [best] = [...votes].sort(([a, aVotes], [b, bVotes]) => bVotes - aVotes || a - b);
  return best?.[0] ?? regions[Math.floor(seed * regions.length)] ?? 0;
}
