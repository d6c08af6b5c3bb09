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
import { migrate } from './migrations.ts';
import { kyselyDatabase, openDatabase } from './node-sqlite.ts';
import type { Write } from './records.ts';
import {
  type Database,
  fromAdminCodeRow,
  fromAuthKeyRow,
  fromGrantRow,
  fromNodeRow,
  fromUserRow,
  toAdminCodeRow,
  toAuthKeyRow,
  toGrantRow,
  toNodeRow,
  toUserRow,
} from './schema.ts';
import { lockState } from './state-lock.ts';
import type { Store } from './store.ts';

export const DATABASE_FILE = 'control.db';
const LOCK_FILE = 'control.lock';

const kysely = (database: DatabaseSync): Kysely<Database> =>
  new Kysely<Database>({ dialect: new SqliteDialect({ database: kyselyDatabase(database) }) });

async function put<T extends 'users' | 'nodes' | 'auth_keys' | 'admin_codes' | 'oidc_grants'>(
  db: Transaction<Database>,
  table: T,
  row: Database[T] & { readonly id: number },
): Promise<void> {
  const { id: _id, ...rest } = row;
  // Kysely can't relate a generic table name to its row; `row` is typed by the signature above.
  await db
    .insertInto(table)
    .values(row as never)
    .onConflict((clash) => clash.column('id' as never).doUpdateSet(rest as never))
    .execute();
}

const TABLES = { node: 'nodes', adminCode: 'admin_codes', grant: 'oidc_grants' } as const;

async function apply(db: Transaction<Database>, write: Write): Promise<void> {
  if ('remove' in write) {
    await db.deleteFrom(TABLES[write.remove]).where('id', '=', write.id).execute();
    return;
  }
  switch (write.put) {
    case 'user':
      return put(db, 'users', toUserRow(write.value));
    case 'node':
      return put(db, 'nodes', toNodeRow(write.value));
    case 'authKey':
      return put(db, 'auth_keys', toAuthKeyRow(write.value));
    case 'adminCode':
      return put(db, 'admin_codes', toAdminCodeRow(write.value));
    case 'grant':
      return put(db, 'oidc_grants', toGrantRow(write.value));
    case 'setting': {
      const { key, value } = write;
      await db
        .insertInto('settings')
        .values({ key, value })
        .onConflict((clash) => clash.column('key').doUpdateSet({ value }))
        .execute();
      return;
    }
    default:
      return write satisfies never;
  }
}

function storeOver(db: Kysely<Database>, onClose: () => void): Store {
  return {
    load: () =>
      db.transaction().execute(async (read) => ({
        users: (await read.selectFrom('users').selectAll().orderBy('id').execute()).map(fromUserRow),
        nodes: (await read.selectFrom('nodes').selectAll().orderBy('id').execute()).map(fromNodeRow),
        authKeys: (await read.selectFrom('auth_keys').selectAll().orderBy('id').execute()).map(
          fromAuthKeyRow,
        ),
        adminCodes: (await read.selectFrom('admin_codes').selectAll().orderBy('id').execute()).map(
          fromAdminCodeRow,
        ),
        grants: (await read.selectFrom('oidc_grants').selectAll().orderBy('id').execute()).map(fromGrantRow),
        settings: new Map(
          (await read.selectFrom('settings').selectAll().execute()).map((row) => [row.key, row.value]),
        ),
      })),
    commit: (writes) =>
      db.transaction().execute(async (transaction) => {
        for (const write of writes) await apply(transaction, write);
      }),
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
