/** The way out as a snapshot has it: the IPv4 gateway, and whether a change touches it (nat-traversal.md §5.10). */
import { parseIp, prefixContains } from '#shared/ip/address.ts';
import type { DefaultRoute, InterfaceAddress, NetworkSnapshot } from './snapshot.ts';

/** The default router over IPv4 and our own address towards it. */
export interface Gateway {
  readonly gateway: string;
  readonly self: string;
}

/** `tunName` is our own tunnel, which is no way out. */
export function gatewayOf(snapshot: NetworkSnapshot, tunName: string | undefined): Gateway | undefined {
  const route = defaultRoute(snapshot, 4, tunName);
  const ip = route && parseIp(route.gateway);
  if (route === undefined || ip === undefined || ip.every((byte) => byte === 0)) return undefined;
  const own = snapshot.addresses.filter(
    (address) => address.interfaceName === route.interfaceName && !address.ip.includes(':'),
  );
  const near = own.find((address) => {
    const base = parseIp(address.ip);
    return base !== undefined && prefixContains({ ip: base, bits: address.bits }, ip);
  });
  const self = (near ?? own[0])?.ip;
  return self === undefined ? undefined : { gateway: route.gateway, self };
}

/**
 * Whether sockets and paths must be taken for lost: a default interface, its gateway or its addresses are others now.
 * Where a family has no default route, any of its addresses may be the way to somebody.
 */
export const isMajorChange = (
  before: NetworkSnapshot,
  after: NetworkSnapshot,
  tunName: string | undefined,
): boolean => waysOut(before, tunName) !== waysOut(after, tunName);

function waysOut(snapshot: NetworkSnapshot, tunName: string | undefined): string {
  const ways = ([4, 6] as const).map((family) => {
    const route = defaultRoute(snapshot, family, tunName);
    const own = snapshot.addresses.filter(
      (address) =>
        address.ip.includes(':') === (family === 6) &&
        (route === undefined
          ? address.interfaceName !== tunName && !address.isLoopback
          : address.interfaceName === route.interfaceName) &&
        !isLinkLocal6(address),
    );
    return [route?.interfaceName, route?.gateway, own.map(({ interfaceName, ip }) => [interfaceName, ip])];
  });
  return JSON.stringify(ways);
}

export const defaultInterface = (
  snapshot: NetworkSnapshot,
  tunName: string | undefined,
): string | undefined =>
  (defaultRoute(snapshot, 4, tunName) ?? defaultRoute(snapshot, 6, tunName))?.interfaceName;

const defaultRoute = (
  snapshot: NetworkSnapshot,
  family: 4 | 6,
  tunName: string | undefined,
): DefaultRoute | undefined =>
  snapshot.defaultRoutes.find((route) => route.family === family && route.interfaceName !== tunName);

const isLinkLocal6 = ({ ip }: InterfaceAddress): boolean => /^fe[89ab]/i.test(ip);
