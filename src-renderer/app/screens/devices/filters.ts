/** Which devices are listed, in what order and under which headings; pure. */
import type { Device, Snapshot } from '#shared/ui-state/types.ts';
import { compareNames } from '../../i18n/format.ts';
import { expiresSoon, isLocationServer, ownerText, systemName } from '../../lib/devices.ts';

export const FILTERS = [
  'online',
  'mine',
  'shared',
  'tagged',
  'exit',
  'routers',
  'ssh',
  'files',
  'direct',
  'relayed',
  'expiring',
  'location',
] as const;
export type Filter = (typeof FILTERS)[number];

export const SORTS = ['name', 'presence', 'seen', 'latency', 'os'] as const;
export type SortBy = (typeof SORTS)[number];

export const GROUPS = ['none', 'owner', 'tag', 'os'] as const;
export type GroupBy = (typeof GROUPS)[number];

/** What of the address says how the list is looked at; what is searched for is of the moment. */
export const VIEW_KEYS = ['show', 'tag', 'sort', 'order', 'group'] as const;

export function parseFilters(text: string | null): readonly Filter[] {
  const named = new Set((text ?? '').split(','));
  return FILTERS.filter((one) => named.has(one));
}

export const parseSort = (text: string | null): SortBy => SORTS.find((one) => one === text) ?? 'name';
export const parseGroup = (text: string | null): GroupBy => GROUPS.find((one) => one === text) ?? 'none';

function is(device: Device, filter: Filter, nowMs: number): boolean {
  switch (filter) {
    case 'online':
      return device.isOnline;
    case 'mine':
      return device.isMine;
    case 'shared':
      return device.isShared;
    case 'tagged':
      return device.tags.length > 0;
    case 'exit':
      return device.isExitOption;
    case 'routers':
      return device.routes.length > 0;
    case 'ssh':
      return device.hasSsh;
    case 'files':
      return device.canReceiveFiles;
    case 'direct':
      return device.path.kind === 'direct';
    case 'relayed':
      return device.path.kind === 'relay' || device.path.kind === 'peer-relay';
    case 'expiring':
      return expiresSoon(device, nowMs);
    case 'location':
      return true;
    default:
      return filter satisfies never;
  }
}

/** All filters must hold, and the tag when one is named. Servers that stand for places, often hundreds, are listed only when asked for. */
export function passes(device: Device, filters: readonly Filter[], nowMs: number, tag = ''): boolean {
  if (isLocationServer(device) && !filters.includes('location')) return false;
  if (tag !== '' && !device.tags.includes(tag)) return false;
  return filters.every((filter) => is(device, filter, nowMs));
}

const MOST_TAGS = 200;

/** All that any device has, by name. */
export const tagsOf = (devices: readonly Device[]): readonly string[] =>
  [...new Set(devices.flatMap(({ tags }) => tags))].sort(compareNames).slice(0, MOST_TAGS);

/** Filters that would leave anything; one that nothing passes is not offered. */
export const usefulFilters = (devices: readonly Device[], nowMs: number): readonly Filter[] =>
  FILTERS.filter((filter) =>
    filter === 'location'
      ? devices.some(isLocationServer)
      : devices.some((device) => !isLocationServer(device) && is(device, filter, nowMs)),
  );

/** What is there now in the order of before, which is all but sorted then; what is new comes last. */
export function inOrderOf(before: readonly Device[], devices: readonly Device[]): readonly Device[] {
  if (before.length === 0) return devices;
  const rest = new Map(devices.map((device) => [device.id, device]));
  const kept = before.flatMap(({ id }) => {
    const device = rest.get(id);
    return device !== undefined && rest.delete(id) ? [device] : [];
  });
  return [...kept, ...rest.values()];
}

type Order = (a: Device, b: Device) => number;

const byName: Order = (a, b) => compareNames(a.name, b.name);
const presenceRank = ({ isExpired, isOnline }: Device): number => (isExpired ? 2 : isOnline ? 0 : 1);
const seenAt = (device: Device): number =>
  device.isOnline ? Number.POSITIVE_INFINITY : (device.lastSeenMs ?? 0);
const differ = (a: number, b: number): number => (a === b ? 0 : a - b);

/** `latencyOf`: what was measured or is known; undefined comes last in both directions. */
export function sorted(
  devices: readonly Device[],
  by: SortBy,
  isDescending: boolean,
  latencyOf: (device: Device) => number | undefined,
): readonly Device[] {
  const turn = isDescending ? -1 : 1;
  const orders: Readonly<Record<SortBy, Order>> = {
    name: (a, b) => turn * byName(a, b),
    presence: (a, b) => turn * (presenceRank(a) - presenceRank(b)),
    seen: (a, b) => turn * differ(seenAt(b), seenAt(a)),
    os: (a, b) => turn * compareNames(systemName(a.os), systemName(b.os)),
    latency: (a, b) => {
      const [x, y] = [latencyOf(a), latencyOf(b)];
      if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
      return turn * (x - y);
    },
  };
  const order = orders[by];
  return devices.toSorted((a, b) => order(a, b) || byName(a, b));
}

export type Entry =
  | { readonly kind: 'device'; readonly id: string; readonly device: Device }
  | { readonly kind: 'heading'; readonly id: string; readonly title: string; readonly count: number };

const entries = new WeakMap<Device, Entry>();

/** The same for the same device: rows are drawn anew only where something changed. */
function entryOf(device: Device): Entry {
  const known = entries.get(device);
  if (known !== undefined) return known;
  const made: Entry = { kind: 'device', id: device.id, device };
  entries.set(device, made);
  return made;
}

/** A device with several tags is under each; what has no group comes last, under `rest`. */
export function grouped(
  devices: readonly Device[],
  by: GroupBy,
  users: Snapshot['users'],
  rest: string,
): readonly Entry[] {
  if (by === 'none') return devices.map(entryOf);
  const groups = new Map<string, Device[]>();
  for (const device of devices)
    for (const title of titlesOf(device, by, users)) {
      const group = groups.get(title);
      if (group === undefined) groups.set(title, [device]);
      else group.push(device);
    }
  const titles = [...groups.keys()].sort((a, b) => Number(a === '') - Number(b === '') || compareNames(a, b));
  return titles.flatMap((title): Entry[] => {
    const within = groups.get(title) ?? [];
    return [
      { kind: 'heading', id: `group ${title}`, title: title === '' ? rest : title, count: within.length },
      ...within.map((device): Entry => ({ kind: 'device', id: `${title} ${device.id}`, device })),
    ];
  });
}

function titlesOf(device: Device, by: Exclude<GroupBy, 'none'>, users: Snapshot['users']): readonly string[] {
  switch (by) {
    case 'tag':
      return device.tags.length > 0 ? device.tags : [''];
    case 'os':
      return [systemName(device.os)];
    case 'owner':
      return [device.tags.length > 0 ? '' : ownerText(device, users)];
    default:
      return by satisfies never;
  }
}
