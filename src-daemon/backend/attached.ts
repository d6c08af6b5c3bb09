/** The networks that this machine is attached to itself, and what an offered exit leaves out of the world for their sake. */
import {
  CGNAT,
  formatPrefix,
  isTailnetIp,
  maskPrefix,
  type Prefix,
  parsePrefix,
  prefixContains,
} from '#shared/ip/address.ts';
import { covers, outermost, subtract } from '#shared/ip/prefix-set.ts';

export interface Attached {
  /** Never leave this machine: loopback. */
  readonly internal: readonly string[];
  /** All others: where there may be somebody else. */
  readonly external: readonly string[];
  /**
   * Those of them that are nobody's elsewhere. A stranger's Wi-Fi may say that any address of the world is beside us
   * (LocalNet, CVE-2023-36672), and what goes there would go outside an exit node.
   */
  readonly own: readonly string[];
}

const fixed = (text: string): Prefix => {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new TypeError(text);
  return prefix;
};

const LOOPBACK: readonly Prefix[] = [fixed('127.0.0.0/8'), fixed('::1/128')];

const PRIVATE: readonly Prefix[] = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16'].map(fixed),
  ...['fc00::/7', 'fe80::/10'].map(fixed),
];

/** Kept from whoever uses us as exit node, unless it is offered by itself (localapi-and-daemon.md §6.4). */
const NOT_THE_WORLD: readonly Prefix[] = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '224.0.0.0/4', '127.0.0.0/8'].map(
    fixed,
  ),
  CGNAT,
  ...['fc00::/7', 'fe80::/10', 'ff00::/8', '::1/128'].map(fixed),
];

/** `lan`: addresses of interfaces with the length of their network. Those with room for nobody else are no networks. */
export function attachedNetworks(lan: readonly string[]): Attached {
  const networks = readLan(lan).map(maskPrefix);
  const isInternal = ({ ip }: Prefix): boolean => LOOPBACK.some((range) => prefixContains(range, ip));
  const texts = (list: readonly Prefix[]): string[] => outermost(list).map(formatPrefix).sort();
  const external = networks.filter((network) => !isInternal(network));
  const isPrivate = (network: Prefix): boolean => PRIVATE.some((range) => covers(range, network));
  return {
    internal: texts(networks.filter(isInternal)),
    external: texts(external),
    own: texts(external.filter(isPrivate)),
  };
}

/** The addresses of the world as peers may reach it through us: not the networks beside us, but our own addresses in them. */
export function worldWithout(route: Prefix, lan: readonly string[]): string[] {
  const addresses = readLan(lan);
  const parts = subtract(route, [...addresses, ...NOT_THE_WORLD]);
  const hosts = addresses
    .map(({ ip }): Prefix => ({ ip, bits: ip.length * 8 }))
    .filter((host) => prefixContains(route, host.ip))
    .filter((host) => !NOT_THE_WORLD.some((range) => prefixContains(range, host.ip)));
  return outermost([...parts, ...hosts]).map(formatPrefix);
}

/** Without our own addresses in the network, and without those that are networks of one. */
function readLan(lan: readonly string[]): Prefix[] {
  const found: Prefix[] = [];
  for (const text of lan) {
    const prefix = parsePrefix(text);
    if (prefix !== undefined && prefix.bits < prefix.ip.length * 8 && !isTailnetIp(prefix.ip))
      found.push(prefix);
  }
  return found;
}
