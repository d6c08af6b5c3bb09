/** The submenu of devices: a click copies the address. */
import type { Device } from '#shared/ui-state/types.ts';
import { shownName } from '../text/clean.ts';
import { action, separator, submenu } from './entries.ts';
import type { TrayParts } from './model.ts';
import type { TrayItem } from './types.ts';

const MAX_DEVICES = 15;

/** Pinned ones first, then those that can be reached; by name, because a list that moves is a list to get wrong. */
export function deviceMenu({ snapshot, gui, t }: TrayParts): TrayItem[] {
  const rank = (device: Device): number =>
    gui.pinnedDevices.includes(device.id) ? 0 : device.isMine ? 1 : 2;
  const rows = Object.values(snapshot.devices)
    .filter(({ isOnline, location, addresses }) => isOnline && location === undefined && addresses.length > 0)
    .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1))
    .slice(0, MAX_DEVICES)
    .map((device) => {
      const [address = ''] = device.addresses;
      const text = t('tray.device', { name: shownName(device.name), address });
      return action(`device.${device.id}`, text, { kind: 'copy', text: address });
    });
  return submenu('devices', t('tray.devices'), [
    ...rows,
    ...(rows.length === 0 ? [] : [separator]),
    action('devices.all', t('tray.allDevices'), { kind: 'open', route: '/devices' }),
  ]);
}
