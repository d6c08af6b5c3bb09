/** Paths and own addresses in the words of the backend: status, metrics, the coordination server. */
import { formatSockAddr } from '#shared/ip/address.ts';
import type { ControlEndpoint } from '../control/types.ts';
import type { PeerPathView } from '../magicsock/types.ts';
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
