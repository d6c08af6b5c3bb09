/** From "these nodes changed" to the message one stream needs; streams that need the same message share its bytes. */
import type { Policy } from '../policy/policy.ts';
import { What } from '../state/changes.ts';
import { isExpired, type Network, type NodeView } from '../state/network.ts';
import { TAGGED_DEVICES } from '../state/users.ts';
import type { Folded } from './change-log.ts';
import { patchJson, peerJson, selfJson, userJson } from './encode.ts';
import { encodeFrame } from './frames.ts';
import { noticeMembers } from './notice.ts';
import type { MapSession } from './session.ts';

export interface DeltaDeps {
  readonly network: Network;
  readonly policy: Policy;
  readonly baseDomain: string;
  readonly nowMs: number;
}

/** What of one changed node a stream is told. */
type Part =
  | { readonly kind: 'self'; readonly view: NodeView; readonly what: number }
  | { readonly kind: 'removed'; readonly id: number }
  | { readonly kind: 'whole'; readonly view: NodeView }
  | { readonly kind: 'patch'; readonly view: NodeView; readonly what: number };

const SELF_BITS = What.Whole | What.Key | What.Expiry | What.Notice;
const PEER_BITS = ~What.Notice;

/** Frames made in one round, by what they say. */
export type FrameCache = Map<string, Uint8Array>;

/** The frame that brings `session` up to date, or undefined when nothing concerns it. Its books are updated. */
export function deltaFrame(
  deps: DeltaDeps,
  session: MapSession,
  folded: Folded,
  cache: FrameCache,
): Uint8Array | undefined {
  const viewer = deps.network.node(session.request.nodeId);
  if (viewer === undefined) return undefined;
  const parts: Part[] = [];
  for (const [id, what] of folded.nodes) {
    const part = partFor(deps, session, viewer, id, what);
    if (part !== undefined) parts.push(part);
  }
  if (parts.length === 0) return undefined;
  const users = newUsers(session, parts);
  const { isCompressed } = session.request;
  const own = parts.some((part) => part.kind === 'self');
  if (own) return encodeFrame(messageJson(deps, session, parts, users), isCompressed);
  const key = `${isCompressed} ${parts.map(partKey).join(',')} ${users.join(',')}`;
  const shared = cache.get(key) ?? encodeFrame(messageJson(deps, session, parts, users), isCompressed);
  cache.set(key, shared);
  return shared;
}

function partFor(
  deps: DeltaDeps,
  session: MapSession,
  viewer: NodeView,
  id: number,
  what: number,
): Part | undefined {
  const view = deps.network.node(id);
  if (id === viewer.record.id) return what & SELF_BITS ? { kind: 'self', view: viewer, what } : undefined;
  const wasSent = session.sentNodes.has(id);
  if (view === undefined || !deps.policy.sees(viewer.record, view.record)) {
    session.sentNodes.delete(id);
    return wasSent ? { kind: 'removed', id } : undefined;
  }
  session.sentNodes.add(id);
  // A node that was removed and came back under its id does not exist: ids are never used again.
  if (!wasSent || what & What.Whole) return { kind: 'whole', view };
  // A patch would hand out what an expired peer's whole node leaves out.
  if (isExpired(view.record, deps.nowMs)) return { kind: 'whole', view };
  return what & PEER_BITS ? { kind: 'patch', view, what: what & PEER_BITS } : undefined;
}

function partKey(part: Part): string {
  switch (part.kind) {
    case 'self':
      return `s${part.view.record.id}`;
    case 'removed':
      return `r${part.id}`;
    case 'whole':
      return `w${part.view.record.id}`;
    case 'patch':
      return `p${part.view.record.id}:${part.what}`;
    default:
      return part satisfies never;
  }
}

function newUsers(session: MapSession, parts: readonly Part[]): readonly number[] {
  const fresh: number[] = [];
  for (const part of parts) {
    if (part.kind !== 'whole' && part.kind !== 'self') continue;
    const id = part.view.record.userId ?? TAGGED_DEVICES.id;
    if (session.sentUsers.has(id)) continue;
    session.sentUsers.add(id);
    fresh.push(id);
  }
  return fresh;
}

function messageJson(
  deps: DeltaDeps,
  session: MapSession,
  parts: readonly Part[],
  users: readonly number[],
): string {
  const members: string[] = [];
  const whole: string[] = [];
  const patches: string[] = [];
  const removed: number[] = [];
  for (const part of parts) {
    switch (part.kind) {
      case 'self':
        if (part.what & ~What.Notice)
          members.push(`"Node":${selfJson(part.view, deps.baseDomain, deps.nowMs)}`);
        if (part.what & What.Notice) members.push(...noticeMembers(part.view, session.request.capver));
        break;
      case 'removed':
        removed.push(part.id);
        break;
      case 'whole':
        whole.push(peerJson(part.view, deps.baseDomain, deps.nowMs));
        break;
      case 'patch':
        patches.push(patchJson(part.view, part.what));
        break;
      default:
        part satisfies never;
    }
  }
  if (whole.length > 0) members.push(`"PeersChanged":[${whole.join(',')}]`);
  if (removed.length > 0) members.push(`"PeersRemoved":[${removed.join(',')}]`);
  if (patches.length > 0) members.push(`"PeersChangedPatch":[${patches.join(',')}]`);
  const profiles = users
    .map((id) => (id === TAGGED_DEVICES.id ? TAGGED_DEVICES : deps.network.user(id)))
    .filter((user) => user !== undefined);
  if (profiles.length > 0) members.push(`"UserProfiles":[${profiles.map(userJson).join(',')}]`);
  return `{${members.join(',')}}`;
}
