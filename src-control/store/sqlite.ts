/** The store in one SQLite file through Kysely; `:memory:` keeps it in this process, for tests. */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Kysely, SqliteDialect, type Transaction } from 'kysely';
import { RhumbError } from '#shared/errors.ts';
import { type AuditDatabase, appendAudit, readAudit } from './audit-log.ts';
import { migrate } from './migrations.ts';
import { kyselyDatabase, openDatabase } from './node-sqlite.ts';
import type { Kind, Records, Snapshot, Write } from './records.ts';
import { KINDS, type Row, tables } from './schema.ts';
import { lockState } from './state-lock.ts';
import type { Store } from './store.ts';

export const DATABASE_FILE = 'control.db';
const LOCK_FILE = 'control.lock';

/** Tables of records are named by schema.ts, so that their rows are not known to the type system one by one. */
interface Database extends AuditDatabase {
  settings: { key: string; value: string };
  [table: string]: object;
}

const kysely = (database: DatabaseSync): Kysely<Database> =>
  new Kysely<Database>({ dialect: new SqliteDialect({ database: kyselyDatabase(database) }) });

async function put(db: Transaction<Database>, name: string, row: Row): Promise<void> {
  const { id: _id, ...rest } = row;
  await db
    .insertInto(name)
    .values(row)
    .onConflict((clash) => clash.column('id' as never).doUpdateSet(rest))
    .execute();
}

async function apply(db: Transaction<Database>, write: Write): Promise<void> {
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

async function readAll(db: Transaction<Database>): Promise<Snapshot> {
  const read: [Kind, unknown][] = [];
  for (const kind of KINDS) read.push([kind, await readTable(db, kind)]);
  const settings = await db.selectFrom('settings').selectAll().execute();
  return {
    tables: Object.fromEntries(read) as Snapshot['tables'],
    settings: new Map(settings.map((row) => [row.key, row.value])),
  };
}

function storeOver(db: Kysely<Database>, onClose: () => void): Store {
  return {
    load: () => db.transaction().execute(readAll),
    commit: (writes) =>
      db.transaction().execute(async (transaction) => {
        for (const write of writes) await apply(transaction, write);
      }),
    auditLog: (query) => readAudit(db, query),
    [Symbol.asyncDispose]: async () => {
      await db.destroy();
      onClose();
    },
  };
}

export async function openMemoryStore(nowMs: number): Promise<Store> {
  const db = kysely(openDatabase(':memory:'));
  await migrate(db, nowMs);
  return storeOver(db, () => undefined);
}

/** Made under another name and renamed when whole, so that an empty or half database never counts as ours. */
async function create(path: string, nowMs: number): Promise<void> {
  const draft = `${path}.new`;
  // Also the journal of a database that was removed: SQLite would replay it into the new one.
  for (const name of [draft, `${draft}-wal`, `${draft}-shm`, `${path}-wal`, `${path}-shm`])
    rmSync(name, { force: true });
  closeSync(openSync(draft, 'wx', 0o600));
  const db = kysely(openDatabase(draft));
  try {
    await migrate(db, nowMs);
  } finally {
    await db.destroy();
  }
  renameSync(draft, path);
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
}

function refuseDamaged(database: DatabaseSync, path: string): void {
  const [row] = database.prepare('PRAGMA quick_check(1)').all();
  const verdict = Object.values(row ?? {})[0];
  if (verdict !== 'ok') throw new RhumbError('internal', `${path} is damaged (${String(verdict)})`);
}

async function openFile(path: string, nowMs: number): Promise<Kysely<Database>> {
  if (!existsSync(path)) await create(path, nowMs);
  else if (statSync(path).size === 0) throw new RhumbError('internal', `${path} is empty`);
  chmodSync(path, 0o600);
  const database = openDatabase(path);
  try {
    refuseDamaged(database, path);
  } catch (error) {
    database.close();
    throw error;
  }
  const db = kysely(database);
  try {
    await migrate(db, nowMs);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return db;
}

const isErrno = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'code' in error && typeof error.code === 'string';

function explain(error: unknown, stateDir: string): RhumbError {
  if (error instanceof RhumbError && error.code !== 'internal') return error;
  const text = error instanceof Error ? error.message : String(error);
  if (isErrno(error) && (error.code === 'EACCES' || error.code === 'EPERM' || error.code === 'EROFS'))
    return new RhumbError(
      'not-allowed',
      `can't use the state directory ${stateDir} (${error.code}): run as its owner, or choose another with --state-dir`,
      { cause: error },
    );
  if (isErrno(error) && (error.code === 'ENOTDIR' || error.code === 'EEXIST'))
    return new RhumbError('bad-argument', `the state directory ${stateDir} is not a directory`, {
      cause: error,
    });
  return new RhumbError(
    'internal',
    `can't read the state in ${stateDir}: ${text}. Restore ${DATABASE_FILE} from a backup; a new one would make every machine sign in again`,
    { cause: error },
  );
}

/** Opens the state directory for exclusive use, making it when it is missing. */
export async function openSqliteStore(stateDir: string, nowMs: number): Promise<Store> {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const lock = lockState(join(stateDir, LOCK_FILE));
    try {
      const db = await openFile(join(stateDir, DATABASE_FILE), nowMs);
      return storeOver(db, () => lock[Symbol.dispose]());
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  } catch (error) {
    throw explain(error, stateDir);
  }
}
