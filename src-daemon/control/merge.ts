/** Merges the messages of one map stream into a network map: pure, and no dearer than what changed (control-protocol.md §5.5). */
import { compare, utf8 } from '#shared/bytes/bytes.ts';
import { RhumbError } from '#shared/errors.ts';
import type { MachineKey, NodeKey } from '#shared/key/key.ts';
import type { DerpMap, FilterRule, MapResponse } from '#shared/wire/map.ts';
import type { Node, UserProfile } from '#shared/wire/node.ts';
import { clientVersionOf } from './client-version.ts';
import { mergePeers } from './merge-peers.ts';
import { OverlayMap } from './overlay-map.ts';
import { isWebUrl } from './register.ts';
import { sameValue } from './same-value.ts';
import type { MapChange, NetworkMap } from './types.ts';
import { upgradeNode } from './upgrade-node.ts';

/** What one stream remembers; a new stream begins with nothing. */
export interface StreamState {
  readonly map: NetworkMap | undefined;
  readonly peers: OverlayMap<Node>;
  readonly users: OverlayMap<UserProfile>;
  /** Filter rules by chunk name; undefined until the server sent any. */
  readonly filterChunks: ReadonlyMap<string, readonly FilterRule[]> | undefined;
}

export interface MergeContext {
  readonly nowMs: number;
  readonly nodeKey: NodeKey;
  readonly machineKey: MachineKey;
}

export interface Merged {
  readonly state: StreamState;
  readonly map: NetworkMap;
  /** Undefined when the message said nothing new. */
  readonly change: MapChange | undefined;
}

export const EMPTY_STREAM: StreamState = {
  map: undefined,
  peers: OverlayMap.from<Node>([]),
  users: OverlayMap.from<UserProfile>([]),
  filterChunks: undefined,
};

/** Not worth correcting below this. */
const MIN_SKEW_MS = 60_000;
const SKEW_NOISE_MS = 5_000;

/** For messages that are no keepalives. Throws when the first one of a stream lacks this machine's own node. */
export function mergeMap(state: StreamState, message: MapResponse, context: MergeContext): Merged {
  const before = state.map;
  if (before === undefined && message.Node === undefined)
    throw new RhumbError('protocol', 'the control server sent a first map without our own node');
  const { peers, changed, removed } = mergePeers(state.peers, message, context.nowMs);
  const received = message.Node === undefined ? undefined : upgradeNode(message.Node);
  const self = received ?? before?.self;
  if (self === undefined) throw new RhumbError('internal', 'a stream with a map has no own node');
  const users = mergeUsers(state.users, message);
  const filterChunks = mergeFilter(state.filterChunks, message);
  const map: NetworkMap = {
    self,
    nodeKey: context.nodeKey,
    machineKey: context.machineKey,
    peers,
    users,
    dns: message.DNSConfig ?? before?.dns,
    derpMap: mergeDerpMap(before?.derpMap, message.DERPMap),
    domain: message.Domain !== undefined && message.Domain !== '' ? message.Domain : (before?.domain ?? ''),
    filter: filterChunks === state.filterChunks ? before?.filter : flatten(filterChunks),
    sshPolicy: message.SSHPolicy ?? before?.sshPolicy,
    collectServices: message.CollectServices ?? before?.collectServices,
    health: message.Health ?? before?.health ?? [],
    displayMessages: mergeMessages(before?.displayMessages ?? new Map(), message),
    clientVersion: clientVersionOf(message.ClientVersion, before),
    clockSkewMs: skewOf(message.ControlTime, context.nowMs, before) ?? before?.clockSkewMs ?? 0,
  };
  const selfChanged = received !== undefined && !sameValue(received, before?.self);
  const other = before === undefined || differs(before, map);
  const any = before === undefined || selfChanged || other || changed.length > 0 || removed.length > 0;
  const kind = before === undefined ? 'full' : 'delta';
  return {
    state: { map, peers, users, filterChunks },
    map,
    change: any ? { kind, self: selfChanged, changed, removed, other } : undefined,
  };
}

/** The change from an earlier map (an older stream's, or one kept on disk) to the first of a stream. */
export function compareMaps(before: NetworkMap | undefined, after: NetworkMap): MapChange {
  const changed: string[] = [];
  for (const [id, node] of after.peers) if (!sameValue(node, before?.peers.get(id))) changed.push(id);
  const removed = before === undefined ? [] : [...before.peers.keys()].filter((id) => !after.peers.has(id));
  return { kind: 'full', self: !sameValue(after.self, before?.self), changed, removed, other: true };
}

/**
 * Server clock minus ours where it matters; also carried by keepalives. Undefined when the message has no time. What differs
 * from `before` by no more than a message may take on its way is no news: each would else be a new map, with all it costs.
 */
export function skewOf(
  controlTime: number | undefined,
  nowMs: number,
  before: Pick<NetworkMap, 'clockSkewMs'> | undefined,
): number | undefined {
  if (controlTime === undefined) return undefined;
  const skew = controlTime - nowMs;
  const known = before?.clockSkewMs ?? 0;
  if (known !== 0 && Math.abs(skew - known) <= SKEW_NOISE_MS) return known;
  return Math.abs(skew) > MIN_SKEW_MS ? skew : 0;
}

// Parts keep their identity when a message does not touch them; those it repeats are compared by value.
const OTHER = [
  'users',
  'dns',
  'derpMap',
  'domain',
  'filter',
  'sshPolicy',
  'collectServices',
  'health',
  'displayMessages',
  'clientVersion',
  'clockSkewMs',
] as const;

const differs = (before: NetworkMap, after: NetworkMap): boolean =>
  OTHER.some((part) => before[part] !== after[part] && !sameValue(before[part], after[part]));

function mergeUsers(users: OverlayMap<UserProfile>, message: MapResponse): OverlayMap<UserProfile> {
  const edits = new Map<string, UserProfile>();
  for (const user of message.UserProfiles ?? []) {
    const id = String(user.ID);
    if (!sameValue(user, users.get(id))) edits.set(id, user);
  }
  return users.with(edits);
}

export function mergeDerpMap(before: DerpMap | undefined, delta: DerpMap | undefined): DerpMap | undefined {
  if (delta === undefined) return before;
  const scores = delta.HomeParams?.RegionScore ?? before?.HomeParams?.RegionScore;
  const HomeParams =
    delta.HomeParams === undefined ? before?.HomeParams : { ...delta.HomeParams, RegionScore: scores };
  if (delta.Regions === undefined)
    return { ...delta, HomeParams, Regions: before?.Regions, omitDefaultRegions: before?.omitDefaultRegions };
  const Regions = Object.fromEntries(Object.entries(delta.Regions).filter(([, region]) => region !== null));
  return { ...delta, HomeParams, Regions };
}

type Chunks = StreamState['filterChunks'];

function mergeFilter(before: Chunks, message: MapResponse): Chunks {
  const { PacketFilter, PacketFilters } = message;
  if (PacketFilter === undefined && PacketFilters === undefined) return before;
  const chunks = new Map(before);
  if (PacketFilter !== undefined) chunks.set('base', PacketFilter);
  if (PacketFilters?.['*'] === null) chunks.clear();
  for (const [name, rules] of Object.entries(PacketFilters ?? {})) {
    if (name === '*') continue;
    if (rules === null) chunks.delete(name);
    else chunks.set(name, rules);
  }
  return chunks;
}

const flatten = (chunks: Chunks): readonly FilterRule[] | undefined =>
  chunks === undefined
    ? undefined
    : [...chunks].sort(([a], [b]) => compare(utf8(a), utf8(b))).flatMap(([, rules]) => rules);

type Messages = NetworkMap['displayMessages'];

function mergeMessages(before: Messages, message: MapResponse): Messages {
  const patch = message.DisplayMessages;
  if (patch === undefined) return before;
  const messages = new Map(patch['*'] === null ? [] : before);
  for (const [id, shown] of Object.entries(patch)) {
    if (id === '*') continue;
    if (shown === null) messages.delete(id);
    else
      messages.set(id, {
        title: shown.Title ?? '',
        text: shown.Text ?? '',
        severity: severityOf(shown.Severity),
        ...(shown.ImpactsConnectivity === true && { impactsConnectivity: true }),
        ...(shown.PrimaryAction !== undefined &&
          isWebUrl(shown.PrimaryAction.URL) && {
            action: { url: shown.PrimaryAction.URL, label: shown.PrimaryAction.Label },
          }),
      });
  }
  return messages;
}

const severityOf = (text: string | undefined): string =>
  text === 'high' || text === 'low' ? text : 'medium';
