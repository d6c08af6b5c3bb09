/** Which of our addresses to offer to peers (nat-traversal.md §5.2, kind 8). */
import { compare } from '#shared/bytes/bytes.ts';
import { formatIp, type IpBytes, isTailnetIp, maskPrefix, parseIp } from '#shared/ip/address.ts';
import type { InterfaceAddress } from './snapshot.ts';

/** Of one IPv6 subnet no more than this many: some machines carry hundreds. */
const MAX_PER_SUBNET6 = 2;

/** Other overlays: what goes there comes back through a tunnel, ours perhaps. */
const isOverlay = (name: string): boolean => name.startsWith('zt') || name === 'wt0';

interface Groups {
  readonly regular: IpBytes[];
  readonly loopback: IpBytes[];
  /** IPv4 link-local and IPv6 ULA: some clouds translate these, everywhere else they lead nowhere. */
  readonly spare: IpBytes[];
}

/**
 * Regular addresses; without any the spare ones; without those loopback, so that two daemons on one machine without a
 * network still meet. IPv4 first, then by number, so that the list is the same each time.
 */
export function localAddresses(
  list: readonly InterfaceAddress[],
  options: { readonly tunName: string | undefined },
): string[] {
  const groups: Groups = { regular: [], loopback: [], spare: [] };
  const perSubnet = new Map<string, number>();
  for (const address of list) {
    if (address.interfaceName === options.tunName || isOverlay(address.interfaceName)) continue;
    const ip = parseIp(address.ip);
    if (ip === undefined || isTailnetIp(ip)) continue;
    if (!isCrowded(perSubnet, address, ip)) sortIn(groups, address, ip);
  }
  const chosen = [groups.regular, groups.spare, groups.loopback].find((group) => group.length > 0) ?? [];
  const ordered = chosen.sort((a, b) => a.length - b.length || compare(a, b)).map(formatIp);
  return [...new Set(ordered)];
}

/** Whether anything but loopback and our own tunnel is there. */
export const hasNetwork = (list: readonly InterfaceAddress[], tunName: string | undefined): boolean =>
  list.some((address) => !address.isLoopback && address.interfaceName !== tunName);

function sortIn(groups: Groups, address: InterfaceAddress, ip: IpBytes): void {
  const [first = 0, second = 0] = ip;
  if (address.isLoopback || isLoopbackIp(ip)) groups.loopback.push(ip);
  else if (ip.length === 4) (first === 169 && second === 254 ? groups.spare : groups.regular).push(ip);
  // IPv6 link-local never: it means nothing without an interface.
  else if (first === 0xfe && (second & 0xc0) === 0x80) return;
  else ((first & 0xfe) === 0xfc ? groups.spare : groups.regular).push(ip);
}

const isLoopbackIp = (ip: IpBytes): boolean =>
  ip.length === 4 ? ip[0] === 127 : ip.every((byte, i) => byte === (i === 15 ? 1 : 0));

function isCrowded(perSubnet: Map<string, number>, address: InterfaceAddress, ip: IpBytes): boolean {
  if (ip.length === 4) return false;
  const subnet = `${address.interfaceName} ${formatIp(maskPrefix({ ip, bits: address.bits }).ip)}`;
  const count = (perSubnet.get(subnet) ?? 0) + 1;
  perSubnet.set(subnet, count);
  return count > MAX_PER_SUBNET6;
}
