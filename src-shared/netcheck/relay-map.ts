/** The relay map as a network check sees it: which regions to measure, and which servers they have for each family. */
import { canonicalIp } from '../ip/address.ts';
import type { DerpMap, DerpNode, DerpRegion } from '../wire/map.ts';

export type Family = 4 | 6;
export type RelayRegion = DerpRegion;
export type RelayNode = DerpNode;

export const STUN_PORT = 3478;

/** A map from a stranger must not make us measure for ever. */
const MAX_REGIONS = 512;

/** In order of their numbers. */
export function regionsOf(map: DerpMap): readonly RelayRegion[] {
  return Object.values(map.Regions ?? {})
    .filter((region) => region !== null)
    .sort((a, b) => a.RegionID - b.RegionID)
    .slice(0, MAX_REGIONS);
}

/** Those whose latency counts; the others may be used but never measured nor chosen as home. */
export const measurable = (map: DerpMap): readonly RelayRegion[] =>
  regionsOf(map).filter(({ NoMeasureNoHome, Nodes }) => NoMeasureNoHome !== true && (Nodes?.length ?? 0) > 0);

export const hasRelay = (region: RelayRegion): boolean =>
  (region.Nodes ?? []).some(({ STUNOnly }) => STUNOnly !== true);

const isIp = (text: string, family: Family): boolean =>
  canonicalIp(text) !== undefined && text.includes(':') === (family === 6);

/** What the map says of a node in one family: an address, a name to look up, or nothing. */
export type NodeHost = { readonly ip: string } | { readonly name: string } | undefined;

export function hostOf(node: RelayNode, family: Family): NodeHost {
  const { STUNTestIP = '' } = node;
  if (STUNTestIP !== '') return isIp(STUNTestIP, family) ? { ip: STUNTestIP } : undefined;
  const text = (family === 4 ? node.IPv4 : node.IPv6) ?? '';
  // Anything that is no address of this family, "none" for one, means "not in this family".
  if (text !== '') return isIp(text, family) ? { ip: text } : undefined;
  return node.HostName === '' ? undefined : { name: node.HostName };
}

/** Undefined where the node has no STUN. */
export function stunPort(node: RelayNode): number | undefined {
  const port = node.STUNPort ?? 0;
  if (port < 0 || port > 65_535) return undefined;
  return port === 0 ? STUN_PORT : port;
}

/** Nodes of a laboratory are probed on a machine that has no other address than its loopback. */
export const isTestNode = (node: RelayNode): boolean =>
  (node.STUNTestIP ?? '') !== '' || node.IPv4 === '127.0.0.1';
