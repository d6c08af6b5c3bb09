/** Brings a database of any earlier version to the newest, step by step; refuses one that another program shaped. */
import { createHash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { RhumbError } from '#shared/errors.ts';
import { type Migration, migrations } from './migrations.ts';

export const NEWEST = Math.max(...migrations.map((one) => one.version));

/** Says whether an applied step is the one that this program has under the number. */
export const checksumOf = (one: Migration): string =>
  createHash('sha256').update(JSON.stringify(one.statements)).digest('hex');

interface Applied {
  readonly version: number;
  readonly name: string;
  /** Null for those applied before there were checksums. */
  readonly checksum: string | null;
}

/** Version 0 is a database that nothing was made in yet. */
export interface Shape {
  readonly version: number;
  readonly pending: readonly Migration[];
}

/** What is still to do; throws when this program must not touch the database. */
export async function shapeOf<T>(db: Kysely<T>): Promise<Shape> {
  const applied = await readApplied(db);
  const version = Math.max(0, ...applied.map((one) => one.version));
  if (version > NEWEST)
    throw new RhumbError(
      'conflict',
      `the database has version ${version}, this program knows up to ${NEWEST}: use the newer rhumb-control that wrote it, or restore the backup that was made before it`,
    );
  const byVersion = new Map(applied.map((one) => [one.version, one]));
  for (const one of migrations) {
    const found = byVersion.get(one.version);
    if (found !== undefined && found.checksum !== null && found.checksum !== checksumOf(one))
      throw new RhumbError(
        'conflict',
        `step ${one.version} of the database (${found.name}) is not the one of this program: use the rhumb-control that made it, or export there and import here`,
      );
  }
  return { version, pending: migrations.filter((one) => !byVersion.has(one.version)) };
}

async function readApplied<T>(db: Kysely<T>): Promise<readonly Applied[]> {
  const columns = await sql<{
    name: string;
  }>`SELECT name FROM pragma_table_info('schema_migrations')`.execute(db);
  const names = columns.rows.map((row) => row.name);
  if (names.length === 0) return [];
  const checksum = names.includes('checksum') ? sql`checksum` : sql`NULL`;
  const found =
    await sql<Applied>`SELECT version, name, ${checksum} AS checksum FROM schema_migrations`.execute(db);
  return found.rows;
}

/** Each step is a transaction of its own: killed in between, the next start goes on where this one stopped. */
export async function migrate<T>(db: Kysely<T>, nowMs: number): Promise<void> {
  const { pending } = await shapeOf(db);
  await openLedger(db);
  for (const one of pending)
    await db.transaction().execute(async (step) => {
      const before = await brokenReferences(step);
      for (const statement of one.statements) await sql.raw(statement).execute(step);
      refuseMore(before, await brokenReferences(step), one);
      await sql`INSERT INTO schema_migrations (version, name, applied_at, checksum)
        VALUES (${one.version}, ${one.name}, ${nowMs}, ${checksumOf(one)})`.execute(step);
    });
}

async function openLedger<T>(db: Kysely<T>): Promise<void> {
  await sql`CREATE TABLE IF NOT EXISTS schema_migrations (
      version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL, checksum TEXT
    ) STRICT`.execute(db);
  const known =
    await sql`SELECT 1 FROM pragma_table_info('schema_migrations') WHERE name = 'checksum'`.execute(db);
  if (known.rows.length === 0) await sql`ALTER TABLE schema_migrations ADD COLUMN checksum TEXT`.execute(db);
}

interface Broken {
  readonly table: string;
  readonly parent: string;
}

async function brokenReferences<T>(db: Kysely<T>): Promise<readonly Broken[]> {
  return (await sql<Broken>`PRAGMA foreign_key_check`.execute(db)).rows;
}

/** A step that makes a table anew could leave references that lead nowhere. Those of other programs' tables are theirs. */
function refuseMore(before: readonly Broken[], after: readonly Broken[], one: Migration): void {
  const last = after.at(-1);
  if (last !== undefined && after.length > before.length)
    throw new RhumbError(
      'internal',
      `step ${one.version} (${one.name}) would leave rows of ${last.table} without their ${last.parent}`,
    );
}
