/** The audit log's table: rows are only ever added, each chained to the one before by its hash. */
import { createHash } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';
import type { AuditAnchor, AuditEntry, AuditQuery, AuditRow } from './records.ts';
import type { AuditChain } from './store.ts';

export interface AuditDatabase {
  audit_anchor: { id: number; seq: number; hash: string };
  audit_log: {
    seq: number;
    at: number;
    actor: string;
    action: string;
    target: string;
    entry: string;
    hash: string;
  };
}

/** What the first row is chained to. */
export const FIRST_HASH = '0'.repeat(64);

const actor = z.object({
  origin: z.enum(['cli', 'api', 'console', 'node', 'oidc', 'system']),
  id: z.string(),
  name: z.string(),
  remoteAddress: z.string().optional(),
});
const entrySchema: z.ZodType<AuditEntry> = z.object({
  at: z.number(),
  actor,
  action: z.string(),
  target: z.object({
    type: z.string(),
    id: z.string(),
    name: z.string(),
    property: z.string().optional(),
  }),
  old: z.string().optional(),
  new: z.string().optional(),
  details: z.string().optional(),
});

/** The hash of a row whose entry is the JSON `entry`. */
export const chainHash = (before: string, entry: string): string =>
  createHash('sha256').update(before, 'hex').update(entry).digest('hex');

/** How `actor` and `target` are searched. */
const actorText = (entry: AuditEntry): string => `${entry.actor.origin}:${entry.actor.id}`;
const targetText = (entry: AuditEntry): string => `${entry.target.type}:${entry.target.id}`;

export async function appendAudit<D extends AuditDatabase>(
  db: Transaction<D>,
  entry: AuditEntry,
): Promise<void> {
  const log = db as unknown as Transaction<AuditDatabase>;
  const last = await log
    .selectFrom('audit_log')
    .select(['seq', 'hash'])
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  const before = last ?? (await readAnchor(log));
  // Callers carry more than the actor that they are; only that is kept.
  const text = stringifyJson(entrySchema.parse(entry));
  await log
    .insertInto('audit_log')
    .values({
      seq: before.seq + 1,
      at: entry.at,
      actor: actorText(entry),
      action: entry.action,
      target: targetText(entry),
      entry: text,
      hash: chainHash(before.hash, text),
    })
    .execute();
}

export async function readAudit<D extends AuditDatabase>(
  db: Kysely<D>,
  query: AuditQuery,
): Promise<readonly AuditRow[]> {
  const log = db as unknown as Kysely<AuditDatabase>;
  let rows = log.selectFrom('audit_log').selectAll().orderBy('seq', 'desc').limit(query.limit);
  if (query.from !== undefined) rows = rows.where('at', '>=', query.from);
  if (query.until !== undefined) rows = rows.where('at', '<', query.until);
  if (query.beforeSeq !== undefined) rows = rows.where('seq', '<', query.beforeSeq);
  if (query.actor !== undefined) rows = rows.where('actor', '=', query.actor);
  if (query.target !== undefined) rows = rows.where('target', '=', query.target);
  if (query.action !== undefined) rows = rows.where('action', '=', query.action);
  return (await rows.execute()).map(({ seq, entry, hash }) => ({ seq, entry: readEntry(seq, entry), hash }));
}

function readEntry(seq: number, text: string): AuditEntry {
  const entry = entrySchema.safeParse(parseJson(text));
  if (entry.success) return entry.data;
  throw new RhumbError('internal', `row ${seq} of the audit log can't be read: restore a backup`, {
    cause: entry.error,
  });
}

/** Before the first row there is nothing; before the oldest of those that are kept, what was removed. */
async function readAnchor(db: Kysely<AuditDatabase>): Promise<AuditAnchor> {
  const found = await db.selectFrom('audit_anchor').select(['seq', 'hash']).executeTakeFirst();
  return found ?? { seq: 0, hash: FIRST_HASH };
}

export function auditChain<D extends AuditDatabase>(db: Kysely<D>): AuditChain {
  const log = db as unknown as Kysely<AuditDatabase>;
  return {
    anchor: () => readAnchor(log),
    rows: (afterSeq, limit) =>
      log
        .selectFrom('audit_log')
        .select(['seq', 'entry', 'hash'])
        .where('seq', '>', afterSeq)
        .orderBy('seq')
        .limit(limit)
        .execute(),
    prune: (beforeMs, maxRows) => log.transaction().execute((step) => prune(step, beforeMs, maxRows)),
  };
}

/** From the old end only: a chain with a gap would be none, even where clocks went back in between. */
async function prune(db: Transaction<AuditDatabase>, beforeMs: number, maxRows: number): Promise<number> {
  const rows = await db
    .selectFrom('audit_log')
    .select(['seq', 'at', 'hash'])
    .orderBy('seq')
    .limit(maxRows)
    .execute();
  const kept = rows.findIndex((row) => row.at >= beforeMs);
  const old = kept === -1 ? rows : rows.slice(0, kept);
  const newest = old.at(-1);
  if (newest === undefined) return 0;
  await db.deleteFrom('audit_log').where('seq', '<=', newest.seq).execute();
  const { seq, hash } = newest;
  await db
    .insertInto('audit_anchor')
    .values({ id: 1, seq, hash })
    .onConflict((clash) => clash.column('id').doUpdateSet({ seq, hash }))
    .execute();
  return old.length;
}
