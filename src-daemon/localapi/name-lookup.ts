/** Addresses of a host that a program of this machine wants to reach: the network's own names first, then the system's (§2.2). */
import { lookup } from 'node:dns/promises';
import { RhumbError } from '#shared/errors.ts';
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

/**
 * The system's resolver takes one of four threads that also write our files, for as long as a name server keeps it waiting,
 * and every user of the machine may ask.
 */
const MAX_LOOKUPS = 2;
const MAX_WAITING = 64;
let running = 0;
const waiting: (() => void)[] = [];

async function systemAddresses(host: string): Promise<readonly string[]> {
  if (running < MAX_LOOKUPS) running++;
  else if (waiting.length >= MAX_WAITING) throw new RhumbError('unavailable', 'too many names are asked for');
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

/** Rejects when nobody knows the name. */
export async function resolveHost(map: NetworkMap | undefined, host: string): Promise<readonly string[]> {
  const literal = canonicalIp(host);
  if (literal !== undefined) return [literal];
  const known = networkAddresses(map, host);
  if (known !== undefined && known.length > 0) return known;
  return await systemAddresses(host);
}
