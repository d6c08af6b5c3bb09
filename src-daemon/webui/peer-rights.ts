/** What somebody of the network may do on this device's page (desktop.md §10); pure. */
import { z } from 'zod';
import type { WhoIsResponse } from '#shared/localapi/misc.ts';
import type { Rights } from '#shared/ui-state/types.ts';
import type { Node } from '#shared/wire/node.ts';

/** Attribute of a grant; `*` in `canEdit` is everything, and there are no halves here. */
const CAPABILITY = 'tailscale.com/cap/webui';
const capability = z.looseObject({ canEdit: z.array(z.string()).nullish() });

/**
 * The device's owner manages it, and who was granted it; all others look. A device with tags has no owner, and a caller with
 * tags is nobody. What comes from this machine itself may be any program of any of its users.
 */
export function peerRights({ Node: caller, CapMap }: WhoIsResponse, self: Node): Rights {
  if (caller.ID === self.ID) return 'readonly';
  if (isTagged(caller) || isOutsider(caller) || caller.UnsignedPeerAPIOnly === true) return 'readonly';
  if (isGranted(CapMap)) return 'manage';
  return !isTagged(self) && caller.User === self.User ? 'manage' : 'readonly';
}

/** Of another network: shared with ours, or let in to this device. */
export const isOutsider = ({ Sharer, Hostinfo }: Node): boolean =>
  BigInt(Sharer ?? 0) !== 0n || Hostinfo?.['ShareeNode'] === true;

const isTagged = ({ Tags }: Node): boolean => (Tags ?? []).length > 0;

function isGranted(caps: WhoIsResponse['CapMap']): boolean {
  if (caps === undefined || !Object.hasOwn(caps, CAPABILITY)) return false;
  return (caps[CAPABILITY] ?? []).some((value) => {
    const parsed = capability.safeParse(value);
    return parsed.success && parsed.data.canEdit?.includes('*') === true;
  });
}
