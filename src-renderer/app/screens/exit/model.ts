/** What the exit-node picker lists, in which order, and what a search finds; pure (desktop.md §5.6.2). */
import type { Device, Snapshot } from '#shared/ui-state/types.ts';
import { rank } from '../../shell/rank.ts';

/** Latencies that were measured here lately, by device. */
export type Measured = Readonly<Record<string, number>>;

export interface Option {
  readonly kind: 'device';
  /** Unlike all others of the list: a device may be in several sections. */
  readonly key: string;
  readonly id: string;
  readonly name: string;
  /** Beside the name: where it is, or which of the servers. */
  readonly note: string;
  readonly latencyMs: number | undefined;
  readonly trouble: 'none' | 'offline' | 'expired';
  readonly lastSeenMs: number | undefined;
}

export interface Place {
  readonly kind: 'place';
  readonly key: string;
  readonly name: string;
  /** Its best server: that is what choosing the place means. */
  readonly best: Option;
  readonly children: readonly Node[];
}

export type Node = Option | Place;
export type SectionId = 'suggested' | 'recent' | 'pinned' | 'mine' | 'places';

export interface Group {
  readonly id: SectionId;
  readonly nodes: readonly Node[];
}

const RECENT_SHOWN = 3;

type Known = Pick<Snapshot, 'devices' | 'suggestedExitNodeId'>;

export interface Wanted {
  readonly snapshot: Known;
  readonly pinned: readonly string[];
  readonly recent: readonly string[];
  readonly measured: Measured;
  readonly compare: (a: string, b: string) => number;
}

export const exitOptions = ({ devices }: Pick<Snapshot, 'devices'>): readonly Device[] =>
  Object.values(devices).filter(({ isExitOption }) => isExitOption);

export function groupsOf({ snapshot, pinned, recent, measured, compare }: Wanted): readonly Group[] {
  const all = exitOptions(snapshot);
  const byId = new Map(all.map((device) => [device.id, device]));
  const found = (ids: readonly string[]): Device[] =>
    ids.map((id) => byId.get(id)).filter((device) => device !== undefined);
  const option = (section: SectionId) => (device: Device) => optionOf(device, section, measured);
  const mine = all
    .filter(({ location }) => location === undefined)
    .sort((a, b) => Number(isReady(b)) - Number(isReady(a)) || compare(a.name, b.name));
  const groups: readonly Group[] = [
    { id: 'suggested', nodes: found([snapshot.suggestedExitNodeId]).map(option('suggested')) },
    { id: 'recent', nodes: found(recent).slice(0, RECENT_SHOWN).map(option('recent')) },
    { id: 'pinned', nodes: found(pinned).map(option('pinned')) },
    { id: 'mine', nodes: mine.map(option('mine')) },
    { id: 'places', nodes: countries(all, measured, compare) },
  ];
  return groups.filter(({ nodes }) => nodes.length > 0);
}

const isReady = ({ isOnline, isExpired }: Device): boolean => isOnline && !isExpired;

function optionOf(device: Device, section: string, measured: Measured): Option {
  const { id, name, location, path, isOnline, isExpired, lastSeenMs } = device;
  return {
    kind: 'device',
    key: `${section} ${id}`,
    id,
    name,
    note: location === undefined ? '' : [location.city, location.country].filter(Boolean).join(', '),
    latencyMs: measured[id] ?? path.latencyMs,
    trouble: isExpired ? 'expired' : isOnline ? 'none' : 'offline',
    lastSeenMs,
  };
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(items, keyOf);
}

/** Country, then city, then server; a level with one entry is not worth a click. */
function countries(
  all: readonly Device[],
  measured: Measured,
  compare: (a: string, b: string) => number,
): readonly Node[] {
  const located = all.filter(({ location }) => location !== undefined);
  const country = ({ location }: Device): string => location?.country || location?.countryCode || '?';
  const city = ({ location }: Device): string => location?.city || location?.cityCode || '?';
  return [...groupBy(located, country)]
    .sort(([a], [b]) => compare(a, b))
    .map(([name, servers]): Place => {
      const cities = [...groupBy(servers, city)].sort(([a], [b]) => compare(a, b));
      const [first] = cities;
      const children =
        cities.length === 1 && first !== undefined
          ? serversOf(first[1], measured, compare)
          : cities.map(([cityName, own]) =>
              place(`${name}/${cityName}`, cityName, own, serversOf(own, measured, compare), measured),
            );
      return place(name, name, servers, children, measured);
    });
}

const serversOf = (
  servers: readonly Device[],
  measured: Measured,
  compare: (a: string, b: string) => number,
): readonly Option[] =>
  servers
    .map((device) => optionOf(device, 'places', measured))
    .sort((a, b) => compare(a.name, b.name))
    .map((option) => ({ ...option, note: '' }));

function place(
  key: string,
  name: string,
  servers: readonly Device[],
  children: readonly Node[],
  measured: Measured,
): Place {
  return { kind: 'place', key: `place ${key}`, name, best: bestOf(servers, measured), children };
}

/** Highest priority, then lowest latency, then by name so that it stays the same; what is offline last. */
function bestOf(servers: readonly Device[], measured: Measured): Option {
  const [best] = [...servers].sort(
    (a, b) =>
      Number(isReady(b)) - Number(isReady(a)) ||
      (b.location?.priority ?? 0) - (a.location?.priority ?? 0) ||
      latencyOf(a, measured) - latencyOf(b, measured) ||
      (a.name < b.name ? -1 : 1),
  );
  if (best === undefined) throw new Error('a place without servers');
  return optionOf(best, 'best', measured);
}

const latencyOf = ({ id, path }: Device, measured: Measured): number =>
  measured[id] ?? path.latencyMs ?? Number.POSITIVE_INFINITY;

/** Every server, once, best match first; places and devices are found by each of their names. */
export function search(words: string, snapshot: Known, measured: Measured): readonly Option[] {
  return exitOptions(snapshot)
    .map((device) => ({
      option: optionOf(device, 'found', measured),
      rank: rank(
        words,
        device.name,
        `${device.location?.city ?? ''} ${device.location?.country ?? ''} ${device.dnsName} ${device.addresses.join(' ')}`,
      ),
    }))
    .filter((one): one is { option: Option; rank: number } => one.rank !== undefined)
    .sort((a, b) => a.rank - b.rank || (a.option.latencyMs ?? 1e9) - (b.option.latencyMs ?? 1e9))
    .slice(0, MOST_FOUND)
    .map(({ option }) => option);
}

const MOST_FOUND = 100;

/** All servers below a node. */
export const countServers = (node: Node): number =>
  node.kind === 'device' ? 1 : node.children.reduce((sum, child) => sum + countServers(child), 0);

export const holds = (node: Node, id: string): boolean =>
  node.kind === 'device' ? node.id === id : node.children.some((child) => holds(child, id));
