/** What the exit-node picker lists, in which order, and what a search finds; pure (desktop.md §5.6.2). */
import type { Device, Relay, Snapshot } from '#shared/ui-state/types.ts';
import { rank } from '../../shell/rank.ts';

/** How far away, and how that is known: asked lately, or from the relay region nearest to it (desktop.md §5.6.3). */
export interface Latency {
  readonly ms: number;
  readonly source: 'measured' | 'estimated';
}
export type LatencyOf = (device: Device) => Latency | undefined;

/** Answers older than that say nothing of now. */
const FRESH_MS = 600_000;

export const latencyBy =
  ({
    answers,
    relays,
    nowMs,
  }: {
    readonly answers: Readonly<
      Record<string, { readonly latencyMs: number | undefined; readonly atMs: number }>
    >;
    readonly relays: readonly Relay[];
    readonly nowMs: number;
  }): LatencyOf =>
  ({ id, path, homeRelay }) => {
    const answer = Object.hasOwn(answers, id) ? answers[id] : undefined;
    const isFresh = answer !== undefined && nowMs - answer.atMs < FRESH_MS;
    const measured = (isFresh ? answer.latencyMs : undefined) ?? path.latencyMs;
    if (measured !== undefined) return { ms: measured, source: 'measured' };
    const ms = homeRelay === '' ? undefined : relays.find(({ code }) => code === homeRelay)?.latencyMs;
    return ms === undefined ? undefined : { ms, source: 'estimated' };
  };

export interface Option {
  readonly kind: 'device';
  /** Unlike all others of the list: a device may be in several sections. */
  readonly key: string;
  readonly id: string;
  readonly name: string;
  /** Beside the name: where it is, or which of the servers. */
  readonly note: string;
  readonly latency: Latency | undefined;
  /** Why it is suggested; only there. */
  readonly why: 'fastest' | 'chosen' | undefined;
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
  readonly latencyOf: LatencyOf;
  readonly compare: (a: string, b: string) => number;
}

export const exitOptions = ({ devices }: Pick<Snapshot, 'devices'>): readonly Device[] =>
  Object.values(devices).filter(({ isExitOption }) => isExitOption);

/** What was listed further up is not listed again: one device with two checks looks like two choices. Places keep all theirs. */
export function groupsOf({ snapshot, pinned, recent, latencyOf, compare }: Wanted): readonly Group[] {
  const all = exitOptions(snapshot);
  const byId = new Map(all.map((device) => [device.id, device]));
  const listed = new Set<string>();
  const found = (ids: readonly string[], most = Number.POSITIVE_INFINITY): readonly Device[] => {
    const fresh = [...new Set(ids)]
      .map((id) => byId.get(id))
      .filter((device) => device !== undefined)
      .filter(({ id }) => !listed.has(id))
      .slice(0, most);
    for (const { id } of fresh) listed.add(id);
    return fresh;
  };
  const option = (section: SectionId) => (device: Device) => optionOf(device, section, latencyOf);
  const suggested = found([snapshot.suggestedExitNodeId]).map((device) => ({
    ...option('suggested')(device),
    why: isFastest(device, all, latencyOf) ? ('fastest' as const) : ('chosen' as const),
  }));
  const groups: readonly Group[] = [
    { id: 'suggested', nodes: suggested },
    { id: 'recent', nodes: found(recent, RECENT_SHOWN).map(option('recent')) },
    { id: 'pinned', nodes: found(pinned).map(option('pinned')) },
    {
      id: 'mine',
      nodes: all
        .filter(({ location, id }) => location === undefined && !listed.has(id))
        .sort((a, b) => Number(isReady(b)) - Number(isReady(a)) || compare(a.name, b.name))
        .map(option('mine')),
    },
    { id: 'places', nodes: countries(all, latencyOf, compare) },
  ];
  return groups.filter(({ nodes }) => nodes.length > 0);
}

function isFastest(device: Device, all: readonly Device[], latencyOf: LatencyOf): boolean {
  const own = latencyOf(device)?.ms;
  return own !== undefined && all.every((other) => !isReady(other) || (latencyOf(other)?.ms ?? own) >= own);
}

const isReady = ({ isOnline, isExpired }: Device): boolean => isOnline && !isExpired;

function optionOf(device: Device, section: string, latencyOf: LatencyOf): Option {
  const { id, name, location, isOnline, isExpired, lastSeenMs } = device;
  return {
    kind: 'device',
    key: `${section} ${id}`,
    id,
    name,
    note: location === undefined ? '' : [location.city, location.country].filter(Boolean).join(', '),
    latency: latencyOf(device),
    why: undefined,
    trouble: isExpired ? 'expired' : isOnline ? 'none' : 'offline',
    lastSeenMs,
  };
}

/** Country, then city, then server; a level with one entry is not worth a click. */
function countries(
  all: readonly Device[],
  latencyOf: LatencyOf,
  compare: (a: string, b: string) => number,
): readonly Node[] {
  const located = all.filter(({ location }) => location !== undefined);
  const country = ({ location }: Device): string => location?.country || location?.countryCode || '?';
  const city = ({ location }: Device): string => location?.city || location?.cityCode || '?';
  return [...Map.groupBy(located, country)]
    .sort(([a], [b]) => compare(a, b))
    .map(([name, servers]): Place => {
      const cities = [...Map.groupBy(servers, city)].sort(([a], [b]) => compare(a, b));
      const [first] = cities;
      const children =
        cities.length === 1 && first !== undefined
          ? serversOf(first[1], latencyOf, compare)
          : cities.map(([cityName, own]) =>
              place(`${name}/${cityName}`, cityName, own, serversOf(own, latencyOf, compare), latencyOf),
            );
      return place(name, name, servers, children, latencyOf);
    });
}

const serversOf = (
  servers: readonly Device[],
  latencyOf: LatencyOf,
  compare: (a: string, b: string) => number,
): readonly Option[] =>
  servers
    .map((device) => optionOf(device, 'places', latencyOf))
    .sort((a, b) => compare(a.name, b.name))
    .map((option) => ({ ...option, note: '' }));

function place(
  key: string,
  name: string,
  servers: readonly Device[],
  children: readonly Node[],
  latencyOf: LatencyOf,
): Place {
  return { kind: 'place', key: `place ${key}`, name, best: bestOf(servers, latencyOf), children };
}

/** Highest priority, then lowest latency, then by name so that it stays the same; what is offline last. */
function bestOf(servers: readonly Device[], latencyOf: LatencyOf): Option {
  const [best] = [...servers].sort(
    (a, b) =>
      Number(isReady(b)) - Number(isReady(a)) ||
      (b.location?.priority ?? 0) - (a.location?.priority ?? 0) ||
      msOf(latencyOf(a)) - msOf(latencyOf(b)) ||
      (a.name < b.name ? -1 : 1),
  );
  if (best === undefined) throw new Error('a place without servers');
  return optionOf(best, 'best', latencyOf);
}

/** What nobody knows comes last. */
const msOf = (latency: Latency | undefined): number => latency?.ms ?? 1e9;

/** Every server, once, best match first; places and devices are found by each of their names. */
export function search(words: string, snapshot: Known, latencyOf: LatencyOf): readonly Option[] {
  return exitOptions(snapshot)
    .map((device) => ({
      option: optionOf(device, 'found', latencyOf),
      rank: rank(
        words,
        device.name,
        `${device.location?.city ?? ''} ${device.location?.country ?? ''} ${device.dnsName} ${device.addresses.join(' ')}`,
      ),
    }))
    .filter((one): one is { option: Option; rank: number } => one.rank !== undefined)
    .sort((a, b) => a.rank - b.rank || msOf(a.option.latency) - msOf(b.option.latency))
    .slice(0, MOST_FOUND)
    .map(({ option }) => option);
}

const MOST_FOUND = 100;

/** All servers below a node. */
export const countServers = (node: Node): number =>
  node.kind === 'device' ? 1 : node.children.reduce((sum, child) => sum + countServers(child), 0);

export const holds = (node: Node, id: string): boolean =>
  node.kind === 'device' ? node.id === id : node.children.some((child) => holds(child, id));

/** Places that hold the device: they must be open for it to be seen. */
export function keysAround(groups: readonly Group[], id: string): readonly string[] {
  const around = (node: Node): readonly string[] =>
    node.kind === 'place' && holds(node, id) ? [node.key, ...node.children.flatMap(around)] : [];
  return groups.flatMap(({ nodes }) => nodes.flatMap(around));
}

/** What can be seen and asked: devices, and of a place that is shut its best server. */
export function seenIds(groups: readonly Group[], open: ReadonlySet<string>): readonly string[] {
  const ready = ({ id, trouble }: Option): readonly string[] => (trouble === 'none' ? [id] : []);
  const seen = (node: Node): readonly string[] => {
    if (node.kind === 'device') return ready(node);
    return open.has(node.key) ? node.children.flatMap(seen) : ready(node.best);
  };
  return [...new Set(groups.flatMap(({ nodes }) => nodes.flatMap(seen)))];
}
