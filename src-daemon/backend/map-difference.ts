/** Which peers of two maps differ: for maps that share their base, for what the difference costs. */
import type { Node } from '#shared/wire/node.ts';
import { OverlayMap } from '../control/overlay-map.ts';

type Peers = ReadonlyMap<string, Node>;

/** Ids, each once; undefined when there are more than `limit`. */
export function differentPeers(before: Peers, after: Peers, limit: number): readonly string[] | undefined {
  if (before === after) return [];
  const [old, now] = [layersOf(before), layersOf(after)];
  const ids =
    old.base === now.base
      ? new Set([...old.edits.keys(), ...now.edits.keys()])
      : new Set(bothKeys(before, after));
  const found: string[] = [];
  for (const id of ids) {
    if (before.get(id) === after.get(id)) continue;
    found.push(id);
    if (found.length > limit) return undefined;
  }
  return found;
}

const NO_EDITS: ReadonlyMap<string, Node | undefined> = new Map();

const layersOf = (peers: Peers): OverlayMap<Node>['layers'] =>
  peers instanceof OverlayMap ? (peers as OverlayMap<Node>).layers : { base: peers, edits: NO_EDITS };

function* bothKeys(before: Peers, after: Peers): Iterable<string> {
  yield* after.keys();
  for (const id of before.keys()) if (!after.has(id)) yield id;
}
