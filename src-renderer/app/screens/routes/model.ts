/** In what state each shared network is, of others and of this device; pure. */
import type { Device } from '#shared/ui-state/types.ts';
import { compareNames } from '../../i18n/format.ts';
import { parseNetwork } from '../../lib/prefixes.ts';

export interface Shared {
  readonly id: string;
  readonly route: string;
  readonly deviceId: string;
  readonly name: string;
  readonly state: 'not-used' | 'in-use' | 'stands-by' | 'offline';
  /** Who takes over when this one is gone; '' = nobody. */
  readonly partner: string;
}

/** By network, and of each network the one in use first. */
export function sharedNetworks(devices: readonly Device[], isAccepted: boolean): readonly Shared[] {
  const by = new Map<string, Device[]>();
  for (const device of devices)
    for (const route of device.routes) by.set(route, [...(by.get(route) ?? []), device]);
  return [...by]
    .sort(([a], [b]) => compareNames(a, b))
    .flatMap(([route, all]) => {
      const carrier = carrierOf(route, all);
      const ordered = all.toSorted(
        (a, b) => Number(b === carrier) - Number(a === carrier) || compareNames(a.name, b.name),
      );
      const partner = ordered.find((one) => one !== carrier && one.isOnline)?.name ?? '';
      return ordered.map((device) => ({
        id: `${device.id} ${route}`,
        route,
        deviceId: device.id,
        name: device.name,
        state: !isAccepted
          ? ('not-used' as const)
          : !device.isOnline
            ? ('offline' as const)
            : device === carrier
              ? ('in-use' as const)
              : ('stands-by' as const),
        partner: device === carrier ? partner : '',
      }));
    });
}

/** The server's choice; where it says nothing, whoever is there. */
const carrierOf = (route: string, all: readonly Device[]): Device | undefined =>
  all.find(({ primaryRoutes, isOnline }) => isOnline && primaryRoutes.includes(route)) ??
  all.find(({ isOnline }) => isOnline) ??
  all[0];

export type OwnState = 'approved' | 'stands-by' | 'waiting' | 'not-forwarded' | 'invalid';

/** `forwards`: this machine passes packets on; until that is known it is taken to. */
export function ownState(
  prefix: string,
  self: Pick<Device, 'routes' | 'primaryRoutes'> | undefined,
  forwards: boolean,
): OwnState {
  const parsed = parseNetwork(prefix, []);
  if (parsed.kind === 'bad' || parsed.corrected) return 'invalid';
  if (self?.routes.includes(prefix) !== true) return 'waiting';
  if (!forwards) return 'not-forwarded';
  const isSecond = self.primaryRoutes.length > 0 && !self.primaryRoutes.includes(prefix);
  return isSecond ? 'stands-by' : 'approved';
}
