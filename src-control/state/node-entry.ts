/** Lines of the audit log about machines. */
import type { Actor, AuditEntry, NodeRecord } from '../store/records.ts';

/** What the server does by itself: timers, the policy, elections. */
export const SYSTEM: Actor = { origin: 'system', id: '', name: 'system' };

/** Without what a caller has beside: the audit log holds no rights. */
export const actorOf = ({ origin, id, name, remoteAddress }: Actor): Actor =>
  remoteAddress === undefined ? { origin, id, name } : { origin, id, name, remoteAddress };

export interface Deed {
  readonly action: string;
  /** What of the machine; undefined = all of it. */
  readonly property?: string;
  readonly old?: string | undefined;
  readonly new?: string | undefined;
  readonly details?: string | undefined;
}

export function nodeEntry(record: NodeRecord, deed: Deed, at: number, by: Actor): AuditEntry {
  const { action, property, ...rest } = deed;
  return {
    at,
    actor: actorOf(by),
    action,
    target: { type: 'node', id: String(record.id), name: record.givenName, property },
    ...rest,
  };
}
