/** Finds nodes by address: one index per base of the map's peers, which the maps of many small changes share. */
import type { Node } from '#shared/wire/node.ts';
import { OverlayMap } from '../control/overlay-map.ts';
import { nodeIps } from './node-ips.ts';

type Peers = ReadonlyMap<string, Node>;

/** Ids of those who have an address, by address. */
const indexed = new WeakMap<Peers, ReadonlyMap<string, string>>();

/** The node with that address (canonical text); of several the one with the lowest id, whom the data plane gives it too. */
export function nodeByIp(peers: Peers, ip: string): Node | undefined {
  const { base, edits } =
    peers instanceof OverlayMap ? (peers as OverlayMap<Node>).layers : { base: peers, edits: NO_EDITS };
  const id = indexOf(base).get(ip);
  // Who was edited counts as edited alone.
  let found = id === undefined || edits.has(id) ? undefined : base.get(id);
  for (const node of edits.values())
    if (node !== undefined && nodeIps(node).includes(ip) && (found === undefined || node.ID < found.ID))
      found = node;
  return found;
}

const NO_EDITS: ReadonlyMap<string, Node | undefined> = new Map();

function indexOf(base: Peers): ReadonlyMap<string, string> {
  const known = indexed.get(base);
  if (known !== undefined) return known;
  const index = new Map<string, string>();
  for (const [id, node] of base)
    for (const ip of nodeIps(node)) {
      const other = index.get(ip);
      const rival = other === undefined ? undefined : base.get(other);
      if (rival === undefined || node.ID < rival.ID) index.set(ip, id);
    }
  indexed.set(base, index);
  return index;
}
