/** Addresses of this machine's interfaces, leaving out those of the private network itself. */
import { networkInterfaces } from 'node:os';
import { canonicalIp, parseIp, prefixContains, TAILNET_ULA } from '../ip/address.ts';

export interface LocalAddress {
  readonly name: string;
  /** Canonical text without a zone. */
  readonly ip: string;
  readonly isLoopback: boolean;
}

/** What `os.networkInterfaces` gives. */
export type Interfaces = Readonly<
  Record<string, readonly { readonly address: string; readonly internal: boolean }[] | undefined>
>;

/** Of interfaces that are up and belong to no private network: theirs are reached through what is measured here. */
export function localAddresses(interfaces: Interfaces = networkInterfaces()): readonly LocalAddress[] {
  return Object.entries(interfaces).flatMap(([name, list = []]) => {
    const addresses = list.flatMap(({ address, internal }) => {
      const ip = canonicalIp(address.replace(/%.*$/, ''));
      return ip === undefined ? [] : [{ name, ip, isLoopback: internal }];
    });
    return isPrivateNetwork(name, addresses) ? [] : addresses;
  });
}

/** By name or by its IPv6 range: the IPv4 range is that of carriers' NATs too, so it says nothing. */
const isPrivateNetwork = (name: string, addresses: readonly LocalAddress[]): boolean =>
  /^(?:rhumb|tailscale)/.test(name) ||
  addresses.some(({ ip }) => {
    const bytes = parseIp(ip);
    return bytes !== undefined && prefixContains(TAILNET_ULA, bytes);
  });

/** Families in which this machine has an address that reaches beyond its link. */
export function usableFamilies(addresses = localAddresses()): ReadonlySet<4 | 6> {
  const families = new Set<4 | 6>();
  for (const { ip, isLoopback } of addresses) {
    const family = isLoopback ? undefined : usableFamily(ip);
    if (family !== undefined) families.add(family);
  }
  return families;
}

function usableFamily(text: string): 4 | 6 | undefined {
  const ip = parseIp(text);
  if (ip === undefined) return undefined;
  const [first = 0, second = 0] = ip;
  // Link-local addresses of either kind lead nowhere (RFC 3927, RFC 4291 §2.5.6).
  if (ip.length === 4) return first === 169 && second === 254 ? undefined : 4;
  // Global unicast (2000::/3) and unique local (fc00::/7): RFC 4291 §2.4, RFC 4193.
  return first >> 5 === 0b001 || first >> 1 === 0b111_1110 ? 6 : undefined;
}
