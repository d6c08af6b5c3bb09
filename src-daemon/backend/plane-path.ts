/** Paths and own addresses in the words of the backend: status, metrics, the coordination server. */
import { formatSockAddr } from '#shared/ip/address.ts';
import type { TriedEndpoint } from '#shared/localapi/rhumb.ts';
import type { ControlEndpoint } from '../control/types.ts';
import type { CandidateView, EnginePath, PeerId, PeerPathView } from '../magicsock/types.ts';
import { inWords } from '../magicsock/why.ts';
import type { OwnEndpoint } from '../underlay/own-endpoints.ts';
import type { PlanePath } from './plane.ts';

/** `sinceMs` on the wall clock; 0 = there never was another path. */
export const planePath = (path: PeerPathView, sinceMs: number): PlanePath => ({
  kind: path.kind,
  addr: path.addr === undefined ? undefined : formatSockAddr(path.addr),
  region: path.region,
  sinceMs,
  latencyMs: path.latencyMs,
  why: path.why === undefined ? undefined : inWords(path.why),
  isSought: path.why !== undefined && path.why.kind !== 'idle',
});

/** What our probes of one address showed; `wall` turns the engine's times into wall clock ms. */
export const triedEndpoint = (
  { addr, isInUse, pingedAtMs, answeredAtMs, latencyMs }: CandidateView,
  wall: (engineMs: number) => number,
): TriedEndpoint => ({
  Endpoint: formatSockAddr(addr),
  InUse: isInUse,
  Asked: pingedAtMs === undefined ? undefined : wall(pingedAtMs),
  Answered: answeredAtMs === undefined ? undefined : wall(answeredAtMs),
  LatencySeconds: latencyMs === undefined ? 0 : latencyMs / 1_000,
});

/** Label of the path in the official metrics. */
export function pathLabel({ kind, addr }: PeerPathView): string {
  if (kind !== 'direct') return 'derp';
  return addr?.ip.includes(':') === true ? 'direct_ipv6' : 'direct_ipv4';
}

export const asControlEndpoint = ({ addr, type }: OwnEndpoint): ControlEndpoint => ({
  addr: formatSockAddr(addr),
  type,
});

/** The way of each peer's packets, to tell a new one from the old one trusted for longer. */
export class Ways {
  readonly #ways = new Map<PeerId, string>();

  isNews(peer: PeerId, { mode, direct, via, relayRegion }: EnginePath): boolean {
    const way = `${mode} ${direct === undefined ? '' : formatSockAddr(direct)} ${via ?? 0} ${relayRegion ?? 0}`;
    if (this.#ways.get(peer) === way) return false;
    this.#ways.set(peer, way);
    return mode !== 'none';
  }

  /** Of peers that are no more. */
  forget(peers: Iterable<PeerId>): void {
    for (const id of peers) this.#ways.delete(id);
  }
}
