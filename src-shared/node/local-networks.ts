/** The networks that this machine's own interfaces are in: suggestions for routes, and what routes may overlap. */
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { formatPrefix, maskPrefix, parsePrefix } from '../ip/address.ts';

export interface LocalNetwork {
  readonly interface: string;
  readonly prefix: string;
}

type Info = Pick<NetworkInterfaceInfo, 'address' | 'cidr' | 'internal'>;

const MOST = 256;
/** Ours and those of its kind. */
const TUNNEL = /^(?:rhumb|tailscale|utun|wg)/;
/** IPv6 of one link, which leads nowhere else. */
const LINK_LOCAL = /^fe[89ab]/i;

/** Without loopback, tunnels, and prefixes of a single host. */
export function localNetworks(
  interfaces: Readonly<Record<string, readonly Info[] | undefined>> = networkInterfaces(),
): LocalNetwork[] {
  const found = new Map<string, LocalNetwork>();
  for (const [name, addresses = []] of Object.entries(interfaces)) {
    if (TUNNEL.test(name)) continue;
    for (const { address, cidr, internal } of addresses) {
      const prefix = internal || cidr === null || LINK_LOCAL.test(address) ? undefined : parsePrefix(cidr);
      if (prefix === undefined || prefix.bits === prefix.ip.length * 8) continue;
      const text = formatPrefix(maskPrefix(prefix));
      found.set(`${name} ${text}`, { interface: name, prefix: text });
    }
  }
  return [...found.values()].slice(0, MOST);
}
