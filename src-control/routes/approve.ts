/** Which of a machine's routes an administrator allows, and how it stands among the routers of a prefix. */
import { RhumbError } from '#shared/errors.ts';
import { parseApproval, sortRoutes } from '../state/announced.ts';
import { What } from '../state/changes.ts';
import type { Network } from '../state/network.ts';
import { changeNode } from '../state/nodes.ts';
import type { Actor, NodeRecord } from '../store/records.ts';

export type RouteChange =
  /** These and no others; they need not be announced yet. */
  | { readonly set: readonly string[] }
  | { readonly add: readonly string[]; readonly remove: readonly string[] };

export async function approveRoutes(
  network: Network,
  record: NodeRecord,
  change: RouteChange,
  by: Actor,
): Promise<NodeRecord> {
  const approvedRoutes = 'set' in change ? parseApproval(change.set) : adjusted(record, change);
  const [was, is] = [record.approvedRoutes.join(' '), approvedRoutes.join(' ')];
  if (was === is) return record;
  const deed = { action: 'approve', property: 'routes', old: was, new: is };
  return changeNode(network, { ...record, approvedRoutes }, What.Routes, deed, by);
}

function adjusted(
  { approvedRoutes }: NodeRecord,
  { add, remove }: { readonly add: readonly string[]; readonly remove: readonly string[] },
): readonly string[] {
  const gone = parseApproval(remove);
  const unknown = gone.find((route) => !approvedRoutes.includes(route));
  if (unknown !== undefined)
    throw new RhumbError('not-found', `route ${unknown} is not approved: see nodes list-routes`);
  return parseApproval(sortRoutes([...approvedRoutes.filter((route) => !gone.includes(route)), ...add]));
}

/** Lower goes first; undefined = after all that have one. */
export async function setRoutePriority(
  network: Network,
  record: NodeRecord,
  routePriority: number | undefined,
  by: Actor,
): Promise<NodeRecord> {
  if (record.routePriority === routePriority) return record;
  const text = (value: number | undefined): string => (value === undefined ? 'none' : String(value));
  const deed = {
    action: 'update',
    property: 'routePriority',
    old: text(record.routePriority),
    new: text(routePriority),
  };
  return changeNode(network, { ...record, routePriority }, What.Routes, deed, by);
}
