/** Records as rows, through Kysely: what a commit writes and what a start reads. */
import type { Transaction } from 'kysely';
import { type AuditDatabase, appendAudit } from './audit-log.ts';
import type { Kind, Records, Snapshot, Write } from './records.ts';
import { KINDS, type Row, tables } from './schema.ts';

/** Tables of records are named by schema.ts, so that their rows are not known to the type system one by one. */
export interface Database extends AuditDatabase {
  settings: { key: string; value: string };
  [table: string]: object;
}

async function put(db: Transaction<Database>, name: string, row: Row): Promise<void> {
  const { id: _id, ...rest } = row;
  await db
    .insertInto(name)
    .values(row)
    .onConflict((clash) => clash.column('id' as never).doUpdateSet(rest))
    .execute();
}

export async function apply(db: Transaction<Database>, write: Write): Promise<void> {
  if ('audit' in write) return appendAudit(db, write.audit);
  if ('remove' in write) {
    await db
      .deleteFrom(tables[write.remove].name)
      .where('id' as never, '=', write.id as never)
      .execute();
    return;
  }
  if (write.put === 'setting') {
    const { key, value } = write;
    await db
      .insertInto('settings')
      .values({ key, value })
      .onConflict((clash) => clash.column('key').doUpdateSet({ value }))
      .execute();
    return;
  }
  // Kind and value belong together by the type of Write; the table's type can't say so.
  const table: { readonly name: string; toRow(value: never): Row } = tables[write.put];
  return put(db, table.name, table.toRow(write.value as never));
}

async function readTable<K extends Kind>(db: Transaction<Database>, kind: K): Promise<Records[K][]> {
  const { name, fromRow } = tables[kind];
  const rows = await db
    .selectFrom(name)
    .selectAll()
    .orderBy('id' as never)
    .execute();
  return rows.map((row) => fromRow(row as Row));
}

export async function readAll(db: Transaction<Database>): Promise<Snapshot> {
  const read: [Kind, unknown][] = [];
  for (const kind of KINDS) read.push([kind, await readTable(db, kind)]);
  const settings = await db.selectFrom('settings').selectAll().execute();
  return {
    tables: Object.fromEntries(read) as Snapshot['tables'],
    settings: new Map(settings.map((row) => [row.key, row.value])),
  };
}
