/** The narrow form of a node's change, for watchers that ask for it (localapi-and-daemon.md §2.7, bit 32768). */
import type { Node, PeerChange } from '#shared/wire/node.ts';
import { sameValue } from '../control/same-value.ts';

/** What official daemons tell in patches; anything else rides as a whole node. */
const PATCHED = ['Online', 'LastSeen', 'HomeDERP', 'Endpoints'] as const satisfies readonly (keyof Node)[];
const isPatched = (name: string): boolean => (PATCHED as readonly string[]).includes(name);

/** Undefined when the change does not fit into a patch: something else changed, or something is unset now. */
export function peerPatch(before: Node, after: Node): PeerChange | undefined {
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)]))
    if (!isPatched(name) && !sameValue(before[name], after[name])) return undefined;
  const changed = PATCHED.filter((name) => !sameValue(before[name], after[name]));
  // Patches can't take away; only the time when a machine was seen last goes by itself, when it comes online.
  if (changed.some((name) => after[name] === undefined && name !== 'LastSeen')) return undefined;
  const has = (name: (typeof PATCHED)[number]): boolean =>
    changed.includes(name) && after[name] !== undefined;
  return {
    NodeID: after.ID,
    DERPRegion: has('HomeDERP') ? after.HomeDERP : undefined,
    Cap: undefined,
    CapMap: undefined,
    Endpoints: has('Endpoints') ? after.Endpoints : undefined,
    Key: undefined,
    DiscoKey: undefined,
    Online: has('Online') ? after.Online : undefined,
    LastSeen: has('LastSeen') ? after.LastSeen : undefined,
    KeyExpiry: undefined,
  };
}
