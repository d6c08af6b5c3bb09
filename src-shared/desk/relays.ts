/** The relay regions of the network and how far they are, from whoever knows. */
import type { NetcheckReport } from '../bridge/contract.ts';
import type { RhumbFacts } from '../localapi/rhumb.ts';
import type { Relay } from '../ui-state/types.ts';
import type { DerpMap } from '../wire/map.ts';

const MAX_REGIONS = 512;
const MAX_TEXT = 256;

interface Sources {
  readonly facts: RhumbFacts | undefined;
  readonly derpMap: DerpMap | undefined;
  readonly measured: ReadonlyMap<number, number>;
}

export function relaysOf({ facts, derpMap, measured }: Sources): Relay[] {
  const told =
    facts?.Relays ??
    Object.values(derpMap?.Regions ?? {}).flatMap((region) =>
      region === null ? [] : [{ ...region, LatencySeconds: 0 }],
    );
  return told.slice(0, MAX_REGIONS).map(({ RegionID, RegionCode, RegionName, LatencySeconds }) => ({
    id: RegionID,
    code: RegionCode.slice(0, MAX_TEXT),
    name: RegionName.slice(0, MAX_TEXT),
    latencyMs: LatencySeconds > 0 ? LatencySeconds * 1_000 : measured.get(RegionID),
  }));
}

/** The better of both families, by region. */
export function latenciesOf({ regions }: Pick<NetcheckReport, 'regions'>): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const { id, v4Ms, v6Ms } of regions) {
    const best = Math.min(v4Ms ?? Number.POSITIVE_INFINITY, v6Ms ?? Number.POSITIVE_INFINITY);
    if (Number.isFinite(best)) found.set(id, best);
  }
  return found;
}
