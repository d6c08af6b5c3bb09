/** The audit log's table: rows are only ever added, each chained to the one before by its hash. */
import { createHash } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';
import type { AuditEntry, AuditQuery, AuditRow } from './records.ts';

export interface AuditDatabase {
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
  // Callers carry more than the actor that they are; only that is kept.
  const text = stringifyJson(entrySchema.parse(entry));
  await log
    .insertInto('audit_log')
    .values({
      seq: (last?.seq ?? 0) + 1,
      at: entry.at,
      actor: actorText(entry),
      action: entry.action,
      target: targetText(entry),
      entry: text,
      hash: chainHash(last?.hash ?? FIRST_HASH, text),
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
