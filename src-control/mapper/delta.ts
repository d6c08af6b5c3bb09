/** From what a stream has still to be told to one message; streams that need the same message share its bytes. */

import { What } from '../state/changes.ts';
import { isExpired, type NodeView } from '../state/network.ts';
import { TAGGED_DEVICES } from '../state/users.ts';
import type { UserRecord } from '../store/records.ts';
import { type Books, Dirt, type DirtMask } from './books.ts';
import { type Dialect, dialectOf, patchJson, peerJson, type Sight, sightOf, userJson } from './encode.ts';
import { encodeFrame } from './frames.ts';
import { type MapDeps, ownMembers } from './own-part.ts';
import type { MapSession } from './session.ts';

export interface DeltaDeps extends MapDeps {
  /** The relays as a member of a map message. */
  readonly relays: string;
}

/** What of one changed peer a stream is told. */
type Part =
  | { readonly kind: 'removed'; readonly id: number }
  | { readonly kind: 'whole'; readonly view: NodeView; readonly sight: Sight }
  | { readonly kind: 'patch'; readonly view: NodeView; readonly what: number };

const PATCH_BITS = What.Endpoints | What.Derp | What.Disco | What.Key | What.Online | What.Expiry;

/** Frames made in one round, by what they say. */
export type FrameCache = Map<string, Uint8Array>;

/** The frame that brings `session` up to date, or undefined when nothing concerns it. Its books are updated. */
export function deltaFrame(deps: DeltaDeps, session: MapSession, cache: FrameCache): Uint8Array | undefined {
  const { dirt, books, request } = session;
  const viewer = deps.network.node(request.nodeId);
  if (viewer === undefined || books === undefined) return undefined;
  const own = ownMembers(deps, { view: viewer, capver: request.capver }, books, dirt.bits);
  const tellsRelays = (dirt.bits & Dirt.Relays) !== 0 && books.relays !== deps.relays;
  books.relays = deps.relays;
  const parts = partsOf(deps, request.nodeId, books, dirt);
  const users = usersToTell(deps, books, dirt, viewer, parts);
  dirt.clear();
  if (own.length === 0 && parts.length === 0 && users.length === 0 && !tellsRelays) return undefined;
  const { isCompressed } = request;
  const dialect = dialectOf(request.capver);
  const make = (): Uint8Array => {
    const relays = tellsRelays ? [deps.relays] : [];
    const members = [...own, ...relays, ...peerMembers(deps, parts, dialect), ...userMembers(users)];
    return encodeFrame(`{${members.join(',')}}`, isCompressed);
  };
  if (own.length > 0) return make();
  const ids = users.map(({ id }) => id);
  const key = `${isCompressed} ${dialect} ${tellsRelays} ${parts.map(partKey).join(',')} ${ids.join(',')}`;
  const shared = cache.get(key) ?? make();
  cache.set(key, shared);
  return shared;
}

/** In order of first mention, which is the same for streams that were told of the same changes. */
function partsOf(deps: DeltaDeps, viewerId: number, books: Books, dirt: DirtMask): Part[] {
  if (dirt.bits & Dirt.AllPeers) compareAllPeers(deps, viewerId, books, dirt);
  if (dirt.bits & Dirt.Routes)
    for (const id of deps.policy.peersOf(viewerId))
      if (hasRoutes(deps, id) || books.sights.has(id)) dirt.addPeer(id, 0);
  const parts: Part[] = [];
  for (const [id, what] of dirt.peers) {
    const part = partFor(deps, viewerId, books, id, what);
    if (part !== undefined) parts.push(part);
  }
  return parts;
}

function compareAllPeers({ policy }: DeltaDeps, viewerId: number, books: Books, dirt: DirtMask): void {
  const current = policy.peersOf(viewerId);
  for (const id of current) if (!books.nodes.has(id)) dirt.addPeer(id, 0);
  const seen = new Set(current);
  for (const id of books.nodes.values()) if (!seen.has(id)) dirt.addPeer(id, 0);
}

const hasRoutes = ({ network }: DeltaDeps, id: number): boolean =>
  (network.node(id)?.record.approvedRoutes.length ?? 0) > 0;

function partFor(
  deps: DeltaDeps,
  viewerId: number,
  books: Books,
  id: number,
  what: number,
): Part | undefined {
  const view = deps.network.node(id);
  const wasSent = books.nodes.has(id);
  if (view === undefined || !deps.policy.sees(viewerId, id)) {
    books.nodes.delete(id);
    books.sights.delete(id);
    return wasSent ? { kind: 'removed', id } : undefined;
  }
  const sight = sightOf(deps.policy, deps.dns, viewerId, view);
  const isOther = (books.sights.get(id) ?? '') !== sight.key;
  books.nodes.add(id);
  if (sight.key === '') books.sights.delete(id);
  else books.sights.set(id, sight.key);
  // A node that was removed and came back under its id does not exist: ids are never used again.
  if (!wasSent || isOther || what & (What.Whole | What.Tags)) return { kind: 'whole', view, sight };
  const patch = what & PATCH_BITS;
  if (patch === 0) return undefined;
  // A patch would hand out what an expired peer's whole node leaves out.
  if (isExpired(view.record, deps.nowMs)) return { kind: 'whole', view, sight };
  return { kind: 'patch', view, what: patch };
}

function partKey(part: Part): string {
  switch (part.kind) {
    case 'removed':
      return `r${part.id}`;
    case 'whole':
      return `w${part.view.record.id}${part.sight.key}`;
    case 'patch':
      return `p${part.view.record.id}:${part.what}`;
    default:
      return part satisfies never;
  }
}

/** Owners that the stream has not heard of, and those whose profile is another now. */
function usersToTell(
  deps: DeltaDeps,
  books: Books,
  dirt: DirtMask,
  viewer: NodeView,
  parts: readonly Part[],
): readonly UserRecord[] {
  const ids = new Set<number>();
  for (const id of dirt.users) if (books.users.has(id)) ids.add(id);
  const meet = ({ record }: NodeView): void => {
    const id = record.userId ?? TAGGED_DEVICES.id;
    if (books.users.has(id)) return;
    books.users.add(id);
    ids.add(id);
  };
  meet(viewer);
  for (const part of parts) if (part.kind === 'whole') meet(part.view);
  return [...ids].map((id) => profileOf(deps, id)).filter((user) => user !== undefined);
}

export const profileOf = ({ network }: MapDeps, id: number): UserRecord | undefined =>
  id === TAGGED_DEVICES.id ? TAGGED_DEVICES : network.user(id);

function peerMembers(deps: DeltaDeps, parts: readonly Part[], dialect: Dialect): string[] {
  const whole: string[] = [];
  const patches: string[] = [];
  const removed: number[] = [];
  for (const part of parts) {
    switch (part.kind) {
      case 'removed':
        removed.push(part.id);
        break;
      case 'whole':
        whole.push(peerJson(part.view, part.sight, deps.baseDomain, dialect, deps.nowMs));
        break;
      case 'patch':
        patches.push(patchJson(part.view, part.what));
        break;
      default:
        part satisfies never;
    }
  }
  return [
    ...(whole.length > 0 ? [`"PeersChanged":[${whole.join(',')}]`] : []),
    ...(removed.length > 0 ? [`"PeersRemoved":[${removed.join(',')}]`] : []),
    ...(patches.length > 0 ? [`"PeersChangedPatch":[${patches.join(',')}]`] : []),
  ];
}

const userMembers = (users: readonly UserRecord[]): string[] =>
  users.length === 0 ? [] : [`"UserProfiles":[${users.map(userJson).join(',')}]`];
