/** From what the tunnel interface shall be and what it is: the operations between, adding before taking away. */
import { RhumbError } from '#shared/errors.ts';
import { formatPrefix, maskPrefix, type Prefix, parsePrefix } from '#shared/ip/address.ts';
import type { RouterConfig } from './types.ts';

/** What the interface is now. Addresses and routes of others, the kernel's own included, are not listed. */
export interface InterfaceState {
  readonly isUp: boolean;
  readonly mtu: number;
  /** Canonical `ip/bits`. */
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
}

export type RouterOp =
  | { readonly op: 'mtu'; readonly mtu: number }
  | { readonly op: 'up' }
  | { readonly op: 'down' }
  | { readonly op: 'address-add' | 'address-del' | 'route-add' | 'route-del'; readonly prefix: string };

export interface RouterPlan {
  readonly ops: readonly RouterOp[];
  /** Wanted, but the host has no IPv6. */
  readonly withoutIpv6: readonly string[];
}

/**
 * The link comes first, because routes need it up and IPv6 needs its MTU; new addresses come before old ones go, so that
 * the interface never stands without one and connections survive the change.
 */
export function plan(
  wanted: Pick<RouterConfig, 'addresses' | 'mtu' | 'routes'>,
  current: InterfaceState,
  hasIpv6: boolean,
): RouterPlan {
  const withoutIpv6: string[] = [];
  const usable = (prefixes: readonly string[]): ReadonlySet<string> => {
    const found = new Set<string>();
    for (const text of prefixes.map(canonicalPrefix)) {
      if (hasIpv6 || !isIpv6(text)) found.add(text);
      else withoutIpv6.push(text);
    }
    return found;
  };
  const addresses = usable(wanted.addresses.map(hostPrefix));
  const routes = usable(wanted.routes);
  const [nowAddresses, nowRoutes] = [new Set(current.addresses), new Set(current.routes)];
  const ops: RouterOp[] = [];
  if (current.mtu !== wanted.mtu) ops.push({ op: 'mtu', mtu: wanted.mtu });
  for (const prefix of addresses.difference(nowAddresses)) ops.push({ op: 'address-add', prefix });
  if (!current.isUp) ops.push({ op: 'up' });
  for (const prefix of routes.difference(nowRoutes)) ops.push({ op: 'route-add', prefix });
  for (const prefix of nowRoutes.difference(routes)) ops.push({ op: 'route-del', prefix });
  for (const prefix of nowAddresses.difference(addresses)) ops.push({ op: 'address-del', prefix });
  return { ops, withoutIpv6 };
}

/** Host bits cleared, canonical text. */
export function canonicalPrefix(text: string): string {
  return formatPrefix(maskPrefix(parsed(text)));
}

/** An address on the interface keeps its host bits; it always stands alone (/32, /128), routes say the rest. */
export function hostPrefix(text: string): string {
  const { ip } = parsed(text);
  return formatPrefix({ ip, bits: ip.length * 8 });
}

export const isIpv6 = (prefix: string): boolean => prefix.includes(':');

function parsed(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new RhumbError('bad-argument', `not an address or prefix: ${text}`);
  return prefix;
}
