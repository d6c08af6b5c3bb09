/** Latencies where UDP is blocked: HTTPS requests and ICMP echoes to each region, side by side (nat-traversal.md §2.5). */
import type { Clock } from '../async/clock.ts';
import type { Log } from '../log/log.ts';
import type { NodeAddrs } from './node-addrs.ts';
import { hasRelay, type RelayNode, type RelayRegion, stunPort } from './relay-map.ts';
import { type Draft, noteLatency } from './report.ts';

const ICMP_LIMIT_MS = 1_000;

export interface HttpsSample {
  /** Of the request alone; setting up the connection is not in it. */
  readonly latencyMs: number;
  /** The address that answered. */
  readonly ip: string;
}

/** Connects to the first reachable node of a region and times one small request; rejects when none answers. */
export type HttpsProbe = (region: RelayRegion, signal: AbortSignal) => Promise<HttpsSample>;
/** Time to an echo from an IPv4 address; undefined where the system does not let us, rejects when none comes. */
export type IcmpProbe = (ip: string, payload: string, signal: AbortSignal) => Promise<number | undefined>;

export interface FallbackDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly addrs: NodeAddrs;
  readonly https: HttpsProbe | undefined;
  readonly icmp: IcmpProbe | undefined;
}

/** Regions that HTTPS and ICMP are tried at: those without a latency that could be a home. */
export const regionsInNeed = (regions: readonly RelayRegion[], draft: Draft): readonly RelayRegion[] =>
  regions.filter(
    (region) => !draft.regionLatencyMs.has(region.RegionID) && hasRelay(region) && region.Avoid !== true,
  );

/**
 * Adds what it finds to the draft; never rejects. A host that answers pings while its relay does not answer HTTPS is no
 * relay that anybody could be reached through: its latency does not count, or a dead home would be kept for ever.
 */
export async function measureWithoutUdp(
  deps: FallbackDeps,
  regions: readonly RelayRegion[],
  draft: Draft,
  signal: AbortSignal,
): Promise<void> {
  const limit = new AbortController();
  const cancel = deps.clock.after(ICMP_LIMIT_MS, () => limit.abort());
  const soon = AbortSignal.any([signal, limit.signal]);
  const dead = new Set<number>();
  try {
    await Promise.all(
      regions.flatMap((region) => [
        quietly(deps, region, 'https', measureHttps(deps, region, draft, signal), () => {
          if (signal.aborted) return;
          dead.add(region.RegionID);
          draft.regionLatencyMs.delete(region.RegionID);
        }),
        quietly(deps, region, 'icmp', measureIcmp(deps, region, draft, soon, dead)),
      ]),
    );
  } finally {
    cancel();
  }
}

/** A region that does not answer is what we are here to find out. */
async function quietly(
  deps: FallbackDeps,
  region: RelayRegion,
  how: string,
  probe: Promise<void>,
  failed: () => void = () => undefined,
): Promise<void> {
  try {
    await probe;
  } catch (error) {
    failed();
    deps.log('debug', 'netcheck.unmeasured', { region: region.RegionID, how, error: String(error) });
  }
}

async function measureHttps(
  { https }: FallbackDeps,
  region: RelayRegion,
  draft: Draft,
  signal: AbortSignal,
): Promise<void> {
  if (https === undefined) return;
  const { latencyMs, ip } = await https(region, signal);
  if (signal.aborted) return;
  noteLatency(draft.regionLatencyMs, region.RegionID, latencyMs);
  if (ip.includes(':')) draft.ipv6 = true;
  else draft.ipv4 = true;
}

async function measureIcmp(
  { icmp, addrs }: FallbackDeps,
  region: RelayRegion,
  draft: Draft,
  signal: AbortSignal,
  dead: ReadonlySet<number>,
): Promise<void> {
  const node: RelayNode | undefined = region.Nodes?.[0];
  // A node whose STUN is off does not want to be measured in other ways either.
  if (icmp === undefined || node === undefined || stunPort(node) === undefined) return;
  const ip = await addrs.ip(node, 4);
  if (ip === undefined || signal.aborted) return;
  const latencyMs = await icmp(ip, node.Name, signal);
  if (latencyMs === undefined || signal.aborted) return;
  if (!dead.has(region.RegionID)) noteLatency(draft.regionLatencyMs, region.RegionID, latencyMs);
  draft.ipv4 = true;
  draft.icmpv4 = true;
}
