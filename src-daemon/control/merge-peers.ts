/** The peers of a network map: replacement, upserts, removals and patches, in the order that the protocol fixes (§5.5). */
import type { MapResponse } from '#shared/wire/map.ts';
import type { Node, PeerChange } from '#shared/wire/node.ts';
import { OverlayMap } from './overlay-map.ts';
import { sameValue } from './same-value.ts';
import { upgradeNode } from './upgrade-node.ts';

export interface MergedPeers {
  readonly peers: OverlayMap<Node>;
  /** Ids whose node is new or differs from before. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

export function mergePeers(before: OverlayMap<Node>, message: MapResponse, nowMs: number): MergedPeers {
  // An empty full list means "no change", as the official client reads it; removals say who is gone.
  if (message.Peers !== undefined && message.Peers.length > 0) return replaceAll(before, message.Peers);
  const edits = new PeerEdits(before);
  for (const id of message.PeersRemoved ?? []) edits.set(String(id), undefined);
  for (const node of message.PeersChanged ?? []) edits.set(String(node.ID), upgradeNode(node));
  for (const [id, seen] of Object.entries(message.PeerSeenChange ?? {}))
    edits.patch(id, { LastSeen: seen ? nowMs : undefined });
  for (const [id, online] of Object.entries(message.OnlineChange ?? {})) edits.patch(id, { Online: online });
  for (const change of message.PeersChangedPatch ?? []) {
    const known = edits.get(String(change.NodeID));
    if (known !== undefined) edits.set(String(change.NodeID), applyPatch(known, change));
  }
  return edits.finish();
}

/** Collects edits over a map that stays as it is, so that a node touched twice is compared once. */
class PeerEdits {
  readonly #before: OverlayMap<Node>;
  readonly #edits = new Map<string, Node | undefined>();

  constructor(before: OverlayMap<Node>) {
    this.#before = before;
  }

  get(id: string): Node | undefined {
    return this.#edits.has(id) ? this.#edits.get(id) : this.#before.get(id);
  }

  set(id: string, node: Node | undefined): void {
    this.#edits.set(id, node);
  }

  /** Unknown ids are ignored. */
  patch(id: string, members: Partial<Node>): void {
    const known = this.get(id);
    if (known !== undefined) this.set(id, { ...known, ...members });
  }

  finish(): MergedPeers {
    const changed: string[] = [];
    const removed: string[] = [];
    const real = new Map<string, Node | undefined>();
    for (const [id, node] of this.#edits) {
      const old = this.#before.get(id);
      if (node === undefined ? old === undefined : sameValue(node, old)) continue;
      real.set(id, node);
      (node === undefined ? removed : changed).push(id);
    }
    return { peers: this.#before.with(real), changed, removed };
  }
}

function replaceAll(before: OverlayMap<Node>, list: readonly Node[]): MergedPeers {
  const next = new Map<string, Node>();
  const changed: string[] = [];
  for (const received of list) {
    const id = String(received.ID);
    const known = before.get(id);
    const node = keepNewerDisco(upgradeNode(received), known);
    const isSame = known !== undefined && sameValue(node, known);
    // What follows from a node is kept by its object.
    next.set(id, isSame ? known : node);
    if (!isSame) changed.push(id);
  }
  const removed = [...before.keys()].filter((id) => !next.has(id));
  return { peers: OverlayMap.from(next), changed, removed };
}

/**
 * A server that hears of an offline peer late may still name its old disco key, while we have learned the new one. Not
 * online and not seen later than we know: keep ours.
 */
function keepNewerDisco(node: Node, known: Node | undefined): Node {
  if (known?.DiscoKey === undefined || node.DiscoKey === known.DiscoKey || node.Online === true) return node;
  if (isLater(node.LastSeen, known.LastSeen)) return node;
  return { ...node, DiscoKey: known.DiscoKey, LastSeen: known.LastSeen };
}

const isLater = (a: number | undefined, b: number | undefined): boolean =>
  a !== undefined && (b === undefined || a > b);

/** Members that are present overwrite; an empty list or object clears. */
export function applyPatch(node: Node, change: PeerChange): Node {
  if (isStaleDisco(node, change)) return node;
  const present: Record<string, unknown> = {};
  const { NodeID: _id, DERPRegion, ...members } = change;
  for (const [name, value] of Object.entries(members))
    if (PATCHABLE.has(name) && value !== undefined && value !== null) present[name] = value;
  if (DERPRegion !== undefined && DERPRegion !== 0) present['HomeDERP'] = DERPRegion;
  if (change.KeyExpiry === null) present['KeyExpiry'] = undefined;
  return { ...node, ...present };
}

const PATCHABLE = new Set([
  'Cap',
  'CapMap',
  'Endpoints',
  'Key',
  'KeySignature',
  'DiscoKey',
  'Online',
  'LastSeen',
  'KeyExpiry',
]);

/** A disco key reported for a peer that is gone, no newer than what we know: we may have learned a newer one. */
const isStaleDisco = (node: Node, change: PeerChange): boolean =>
  change.DiscoKey !== undefined &&
  change.Online === false &&
  change.LastSeen !== undefined &&
  !isLater(change.LastSeen, node.LastSeen);
