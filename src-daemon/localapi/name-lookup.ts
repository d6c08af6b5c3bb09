/** Addresses of a host that a program of this machine wants to reach: the network's own names first, then the system's (§2.2). */
import { lookup } from 'node:dns/promises';
import { canonicalIp } from '#shared/ip/address.ts';
import type { Node } from '#shared/wire/node.ts';
import type { NetworkMap } from './map.ts';

const lower = (name: string): string => name.toLowerCase().replace(/\.$/, '');
const withoutBits = (prefix: string): string => prefix.slice(0, prefix.indexOf('/'));
const addressesOf = (node: Node): string[] => (node.Addresses ?? []).map(withoutBits);

/** Undefined for a name that is none of the network's. */
export function networkAddresses(map: NetworkMap | undefined, host: string): readonly string[] | undefined {
  if (map === undefined) return undefined;
  const wanted = lower(host);
  const isIt = ({ Name }: Node): boolean => {
    const name = lower(Name);
    return name === wanted || (!wanted.includes('.') && name.startsWith(`${wanted}.`));
  };
  if (isIt(map.self)) return addressesOf(map.self);
  for (const peer of map.peers.values()) if (isIt(peer)) return addressesOf(peer);
  const records = (map.dns?.ExtraRecords ?? [])
    .filter(({ Name }) => lower(Name) === wanted)
    .map(({ Value }) => canonicalIp(Value))
    .filter((ip) => ip !== undefined);
  return records.length > 0 ? records : undefined;
}

/** Rejects when nobody knows the name. */
export async function resolveHost(map: NetworkMap | undefined, host: string): Promise<readonly string[]> {
  const literal = canonicalIp(host);
  if (literal !== undefined) return [literal];
  const known = networkAddresses(map, host);
  if (known !== undefined && known.length > 0) return known;
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}
