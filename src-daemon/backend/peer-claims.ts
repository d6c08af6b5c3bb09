/** Which addresses one peer may stand for, as far as that can be said of it alone: what the server sent, sorted and cleaned. */
import {
  CGNAT,
  formatPrefix,
  isTailnetIp,
  maskPrefix,
  type Prefix,
  parsePrefix,
  SERVICE_IP,
  SERVICE_IP6,
  TAILNET_ULA,
} from '#shared/ip/address.ts';
import { covers } from '#shared/ip/prefix-set.ts';
import type { Node } from '#shared/wire/node.ts';

/** Canonical `ip/bits` throughout; nothing is in two of these. */
export interface PeerClaims {
  /** The machine's own addresses in the network. */
  readonly addresses: readonly string[];
  /** Other single addresses of the network that it answers at, such as those of services. */
  readonly services: readonly string[];
  /** Networks behind it. */
  readonly subnets: readonly string[];
  /** Those of them that the server wants to go through this very peer. */
  readonly primary: ReadonlySet<string>;
  /** `0.0.0.0/0` and `::/0`, as far as it offers them. */
  readonly defaults: readonly string[];
}

const fixed = (text: string): Prefix => {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new TypeError(text);
  return prefix;
};

/** The resolver's own addresses: whoever had them could forge its answers. */
const SERVICE: readonly Prefix[] = [fixed(SERVICE_IP), fixed(SERVICE_IP6)];
/** A route for all of the network's own addresses would be one for those of machines that are gone. */
const NETWORK: readonly Prefix[] = [CGNAT, TAILNET_ULA];
/** Never behind another machine: this host, this link, groups. Cloud metadata at 169.254.169.254 may be. */
const NOWHERE: readonly Prefix[] = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '224.0.0.0/3',
  '::/127',
  'fe80::/10',
  'ff00::/8',
].map(fixed);

/** A node is never changed, only replaced: what follows from it alone is worked out once. */
const made = new WeakMap<Node, PeerClaims>();

export function peerClaims(node: Node): PeerClaims {
  const known = made.get(node);
  if (known !== undefined) return known;
  const claims = workOut(node);
  made.set(node, claims);
  return claims;
}

function workOut(node: Node): PeerClaims {
  const own = new Set(hostPrefixes(node.Addresses));
  const addresses = new Set<string>();
  const services = new Set<string>();
  const subnets = new Set<string>();
  const defaults = new Set<string>();
  for (const text of node.AllowedIPs ?? node.Addresses ?? []) {
    const prefix = parsePrefix(text);
    // Host bits show that someone meant another prefix (the official client skips these, too).
    if (prefix === undefined || formatPrefix(prefix) !== formatPrefix(maskPrefix(prefix))) continue;
    const canonical = formatPrefix(prefix);
    if (own.has(canonical)) addresses.add(canonical);
    else if (prefix.bits === 0) defaults.add(canonical);
    else if (isAbsurd(prefix)) continue;
    else if (isSingle(prefix) && isTailnetIp(prefix.ip)) services.add(canonical);
    else subnets.add(canonical);
  }
  const primary = (node.PrimaryRoutes ?? []).map(parsePrefix).filter((prefix) => prefix !== undefined);
  return {
    addresses: [...addresses],
    services: [...services],
    subnets: [...subnets],
    primary: new Set(primary.map(formatPrefix)),
    defaults: [...defaults],
  };
}

const isAbsurd = (prefix: Prefix): boolean =>
  SERVICE.some((ip) => covers(prefix, ip)) ||
  NETWORK.some((network) => covers(prefix, network)) ||
  NOWHERE.some((range) => covers(range, prefix));

const isSingle = ({ ip, bits }: Prefix): boolean => bits === ip.length * 8;

const isService = (ip: Uint8Array): boolean =>
  SERVICE.some((one) => covers(one, { ip, bits: ip.length * 8 }));

/** Canonical single-host prefixes of the network's own ranges; anything else is left out. */
export function hostPrefixes(texts: readonly string[] | undefined): string[] {
  const found: string[] = [];
  for (const text of texts ?? []) {
    const prefix = parsePrefix(text);
    if (prefix !== undefined && isSingle(prefix) && isTailnetIp(prefix.ip) && !isService(prefix.ip))
      found.push(formatPrefix(prefix));
  }
  return found;
}

/** Whether it offers itself as exit node: both families, as servers approve both or neither (control-protocol.md §7.4). */
export const offersExit = (node: Node): boolean => peerClaims(node).defaults.length === 2;
