/** The submenu of exit nodes: none, suggested, recent, pinned, own devices, places (desktop.md §6.3). */
import { exitNodeOf } from '#shared/ui-state/derive.ts';
import type { Device } from '#shared/ui-state/types.ts';
import { shownName } from '../text/clean.ts';
import { action, atMost, choice, separator, submenu } from './entries.ts';
import type { TrayParts } from './model.ts';
import type { TrayItem } from './types.ts';

const MAX_RECENT = 5;
const MAX_PINNED = 5;
const MAX_OWN = 15;
const MAX_COUNTRIES = 19;

export function exitMenu(parts: TrayParts): TrayItem[] {
  const { snapshot, t, isManager } = parts;
  const exit = exitNodeOf(snapshot);
  const used = exit.kind === 'none' ? '' : (exit.device?.id ?? '?');
  const options = Object.values(snapshot.devices).filter(({ isExitOption }) => isExitOption);
  if (options.length === 0 && used === '') return [];
  const suggested = options.find(({ id }) => id === snapshot.suggestedExitNodeId);
  const more = action('exit.choose', t('tray.chooseExit'), { kind: 'open', route: '/exit-node' });
  const node = (prefix: string, device: Device, text = placeName(device)): TrayItem =>
    choice(
      'radio',
      `${prefix}.${device.id}`,
      text,
      device.id === used,
      { kind: 'exit-node', id: device.id },
      isManager && device.isOnline && !device.isExpired,
    );
  const listed = (prefix: string, ids: readonly string[], count: number): TrayItem[] =>
    ids
      .flatMap((id) => options.filter((device) => device.id === id))
      .slice(0, count)
      .map((device) => node(prefix, device));
  const current = exit.kind === 'none' ? t('tray.exitNone') : nameOf(exit.device);
  return submenu('exit', t('tray.exitNode', { node: current }), [
    choice('radio', 'exit.none', t('tray.none'), used === '', { kind: 'exit-node', id: '' }, isManager),
    ...(suggested === undefined
      ? []
      : [node('exit.suggested', suggested, t('tray.suggested', { node: placeName(suggested) }))]),
    ...submenu('exit.recent', t('tray.recent'), listed('exit.recent', parts.gui.recentExitNodes, MAX_RECENT)),
    ...submenu('exit.pinned', t('tray.pinned'), listed('exit.pinned', parts.gui.pinnedDevices, MAX_PINNED)),
    ...submenu(
      'exit.own',
      t('tray.ownDevices'),
      atMost(
        MAX_OWN,
        options
          .filter(({ location }) => location === undefined)
          .sort(byName)
          .map((device) => node('exit.own', device, shownName(device.name))),
        action('exit.own.more', t('tray.more'), { kind: 'open', route: '/exit-node' }),
      ),
    ),
    ...submenu('exit.places', t('tray.locations'), places(parts, options, node)),
    separator,
    choice(
      'check',
      'exit.lan',
      t('tray.allowLan'),
      snapshot.settings?.allowLan === true,
      { kind: 'allow-lan', on: snapshot.settings?.allowLan !== true },
      isManager,
    ),
    more,
  ]);
}

/** One server for each country: the one of highest priority, then the nearest. */
function places(
  { t }: TrayParts,
  options: readonly Device[],
  node: (prefix: string, device: Device, text: string) => TrayItem,
): TrayItem[] {
  const countries = new Map<string, Device>();
  for (const device of options.filter(({ isOnline, isExpired }) => isOnline && !isExpired)) {
    const country = device.location?.countryCode ?? '';
    const best = countries.get(country);
    if (country !== '' && (best === undefined || isBetter(device, best))) countries.set(country, device);
  }
  const rows = [...countries.values()]
    .map((device) => ({ device, name: shownName(device.location?.country ?? '') }))
    .sort((a, b) => a.name.localeCompare(b.name, t.locale))
    .map(({ device, name }) => node('exit.place', device, name));
  return atMost(
    MAX_COUNTRIES,
    rows,
    action('exit.places.more', t('tray.more'), { kind: 'open', route: '/exit-node' }),
  );
}

function isBetter(a: Device, b: Device): boolean {
  const [pa, pb] = [a.location?.priority ?? 0, b.location?.priority ?? 0];
  if (pa !== pb) return pa > pb;
  const [la, lb] = [a.path.latencyMs ?? Infinity, b.path.latencyMs ?? Infinity];
  // Always the same one among equals, or the menu would change all the time.
  return la === lb ? a.id < b.id : la < lb;
}

const byName = (a: Device, b: Device): number => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1);

function placeName({ location, name }: Device): string {
  if (location === undefined) return shownName(name);
  return shownName(location.city === '' ? location.country : `${location.city}, ${location.country}`);
}

export const nameOf = (device: Device | undefined): string =>
  device === undefined ? '?' : placeName(device);
