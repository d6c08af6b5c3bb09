/** Finds machines by name and address without going through all of them for each small change of the network map. */
import { formatIp, parsePrefix } from '#shared/ip/address.ts';
import type { Node } from '#shared/wire/node.ts';

/** A map as the control client keeps it: a base that many maps share, and the few edits since. */
export type Peers = ReadonlyMap<string, Node> & { readonly layers?: Layers };
export interface Layers {
  readonly base: ReadonlyMap<string, Node>;
  /** Undefined = gone. */
  readonly edits: ReadonlyMap<string, Node | undefined>;
}

/** From a name or an address to the id of a node. */
type Index = ReadonlyMap<string, string>;

const NO_EDITS: Layers['edits'] = new Map();
/** An index is good as long as its map, which nobody changes: made when the first question needs it. */
const byName = new WeakMap<ReadonlyMap<string, Node | undefined>, Index>();
const byIp = new WeakMap<ReadonlyMap<string, Node | undefined>, Index>();

/** `name` in lower case, without final dot. */
export const peerNamed = (peers: Peers, name: string): Node | undefined => find(peers, name, byName, namesOf);

/** `ip` in canonical text. */
export const peerAt = (peers: Peers, ip: string): Node | undefined => find(peers, ip, byIp, addressesOf);

export const nameOfNode = ({ Name }: Node): string | undefined =>
  Name === undefined || Name === '' || Name === '.' ? undefined : Name.toLowerCase().replace(/\.$/, '');

/** The node's own addresses, canonical. */
export function addressesOf({ Addresses }: Node): string[] {
  const found: string[] = [];
  for (const text of Addresses ?? []) {
    const prefix = parsePrefix(text);
    if (prefix !== undefined && prefix.bits === prefix.ip.length * 8) found.push(formatIp(prefix.ip));
  }
  return found;
}

function namesOf(node: Node): readonly string[] {
  const name = nameOfNode(node);
  return name === undefined ? [] : [name];
}

function find(
  peers: Peers,
  key: string,
  cache: WeakMap<ReadonlyMap<string, Node | undefined>, Index>,
  keysOf: (node: Node) => readonly string[],
): Node | undefined {
  const { base, edits } = peers.layers ?? { base: peers, edits: NO_EDITS };
  const edited = edits.size === 0 ? undefined : indexOf(edits, cache, keysOf).get(key);
  if (edited !== undefined) return edits.get(edited);
  const id = indexOf(base, cache, keysOf).get(key);
  // What was edited since is no longer what the base says.
  return id === undefined || edits.has(id) ? undefined : base.get(id);
}

function indexOf(
  nodes: ReadonlyMap<string, Node | undefined>,
  cache: WeakMap<ReadonlyMap<string, Node | undefined>, Index>,
  keysOf: (node: Node) => readonly string[],
): Index {
  const known = cache.get(nodes);
  if (known !== undefined) return known;
  const index = new Map<string, string>();
  // Of two that claim the same the first has it, so that a newcomer takes nobody's name.
  for (const [id, node] of nodes)
    if (node !== undefined) for (const key of keysOf(node)) if (!index.has(key)) index.set(key, id);
  cache.set(nodes, index);
  return index;
}
