/** What watchers are told of a new map: what is another thing than in the map they were told last. */
import type { Node, PeerChange } from '#shared/wire/node.ts';
import { sameValue } from '../control/same-value.ts';
import type { MapChange, NetworkMap } from '../control/types.ts';
import { peerPatch } from './peer-patch.ts';

export interface PeerNews {
  /** New, or changed in more than a patch can say. */
  readonly nodes: readonly Node[];
  readonly patches: readonly PeerChange[];
  /** The nodes that `patches` are of, whole, for watchers that take no patches. */
  readonly patched: readonly Node[];
  readonly removed: readonly (number | bigint)[];
}

/** A delta says itself whom to look at; a whole map is compared. */
export function peerNews(told: NetworkMap | undefined, map: NetworkMap, change: MapChange): PeerNews {
  const isDelta = change.kind === 'delta' && told !== undefined;
  const ids = isDelta ? change.changed : map.peers.keys();
  const nodes: Node[] = [];
  const patches: PeerChange[] = [];
  const patched: Node[] = [];
  for (const id of ids) {
    const after = map.peers.get(id);
    const before = told?.peers.get(id);
    if (after === undefined || after === before) continue;
    if (before === undefined) {
      nodes.push(after);
      continue;
    }
    if (!isDelta && sameValue(before, after)) continue;
    const patch = peerPatch(before, after);
    if (patch === undefined) {
      nodes.push(after);
    } else {
      patches.push(patch);
      patched.push(after);
    }
  }
  return {
    nodes,
    patches,
    patched,
    removed: gone(told, map, isDelta || told === undefined ? change.removed : undefined),
  };
}

function gone(
  told: NetworkMap | undefined,
  map: NetworkMap,
  removed: readonly string[] | undefined,
): (number | bigint)[] {
  const ids = removed ?? [...(told?.peers.keys() ?? [])].filter((id) => !map.peers.has(id));
  return ids.map((id) => (Number.isSafeInteger(Number(id)) ? Number(id) : BigInt(id)));
}
