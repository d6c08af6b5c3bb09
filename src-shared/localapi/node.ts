/** Encoding of nodes and peer changes as clients of the local API read them (localapi-and-daemon.md §2.8). */
import { ZERO_NODE_KEY } from '../key/key.ts';
import type { Node, PeerChange } from '../wire/node.ts';
import { goTime, keep, omitEmpty } from './struct.ts';

/** Times of the object, by how Go omits them; the schema turned them into ms. */
const TIMES = new Set(['KeyExpiry', 'Created', 'LastSeen']);
/** Written also when missing or zero. */
const ALWAYS = new Set(['ID', 'StableID', 'Name', 'User', 'Addresses']);
/** Of these only absence is dropped: `AllowedIPs: []` means none, `Online: false` is not unknown. */
const KEEP_ZERO = new Set(['AllowedIPs', 'Online', 'Hostinfo']);

function encodeField(name: string, value: unknown): unknown {
  if (name === 'Key') return value ?? ZERO_NODE_KEY;
  if (ALWAYS.has(name)) return keep(value);
  if (TIMES.has(name)) return typeof value === 'number' ? goTime(value) : undefined;
  return KEEP_ZERO.has(name) ? value : omitEmpty(value);
}

const encodeLoose = (value: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(value)
      .map(([name, item]) => [name, encodeField(name, item)] as const)
      .filter(([, item]) => item !== undefined),
  );

/** `tailcfg.Node`. Fields that we do not know pass through as the server sent them. */
export const encodeNode = (value: Node): Record<string, unknown> => ({
  ...encodeLoose(value),
  Key: value.Key ?? ZERO_NODE_KEY,
  Addresses: keep(value.Addresses),
});

/** `tailcfg.PeerChange`. */
export function encodePeerChange(value: PeerChange): Record<string, unknown> {
  const { Key, ...rest } = value;
  return { NodeID: value.NodeID, ...encodeLoose(rest), ...(Key !== undefined && { Key }) };
}
