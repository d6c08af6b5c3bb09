/** The state directory: one database for one server at a time, brought to this program's version with a copy kept of what was. */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { RhumbError } from '#shared/errors.ts';
import { type Log, silent } from '#shared/log/log.ts';
import { checksumOf, migrate, NEWEST, shapeOf } from './migrate.ts';
import { openDatabase } from './node-sqlite.ts';
import { kysely, storeOver } from './sqlite-store.ts';
import { lockState } from './state-lock.ts';
import type { Store } from './store.ts';

export const DATABASE_FILE = 'control.db';
const LOCK_FILE = 'control.lock';
/** Copies of what a newer program changed; older ones go. */
const KEPT_COPIES = 3;
const COPY = /^control\.db\.before-v\d+$/;

/** Opens the state directory for exclusive use, making it when it is missing. */
export async function openSqliteStore(stateDir: string, nowMs: number, log: Log = silent): Promise<Store> {
  return within(stateDir, 'make', async (path, release) => {
    const database = await openFile(path, nowMs, log);
    return storeOver(database, path, release);
  });
}

/** For tests: it goes with the process. */
export async function openMemoryStore(nowMs: number): Promise<Store> {
  const database = openDatabase(':memory:');
  await migrate(kysely(database), nowMs);
  return storeOver(database, undefined, () => undefined);
}

/** The steps that are still to do. */
export interface MigrationPlan {
  readonly from: number;
  readonly to: number;
  readonly steps: readonly { readonly version: number; readonly name: string; readonly checksum: string }[];
}

/** What a start would do to the database, found out by doing it to a copy. */
export async function planMigration(stateDir: string, nowMs: number): Promise<MigrationPlan> {
  return within(stateDir, 'refuse', async (path, release) => {
    const database = openChecked(path);
    const draft = `${path}.dry-run`;
    try {
      const { version, pending } = await shapeOf(kysely(database));
      removeDatabase(draft);
      copyWhole(database, draft);
      const copy = openChecked(draft);
      await migrate(kysely(copy), nowMs).finally(() => copy.close());
      const steps = pending.map((one) => ({
        version: one.version,
        name: one.name,
        checksum: checksumOf(one),
      }));
      return { from: version, to: NEWEST, steps };
    } finally {
      removeDatabase(draft);
      database.close();
      release();
    }
  });
}

async function within<T>(
  stateDir: string,
  missing: 'make' | 'refuse',
  work: (path: string, release: () => void) => Promise<T>,
): Promise<T> {
  try {
    const path = join(stateDir, DATABASE_FILE);
    if (missing === 'refuse' && !existsSync(path))
      throw new RhumbError('not-found', `there is no state in ${stateDir}: name the server's --state-dir`);
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const lock = lockState(join(stateDir, LOCK_FILE));
    try {
      return await work(path, () => lock[Symbol.dispose]());
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  } catch (error) {
    throw explain(error, stateDir);
  }
}

async function openFile(path: string, nowMs: number, log: Log): Promise<DatabaseSync> {
  if (!existsSync(path)) await create(path, nowMs);
  chmodSync(path, 0o600);
  const database = openChecked(path);
  try {
    const { version, pending } = await shapeOf(kysely(database));
    if (pending.length > 0) {
      const copy = keepCopy(database, path);
      log('info', 'store.migrating', { from: version, to: NEWEST, copy });
      await migrate(kysely(database), nowMs);
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Made under another name and renamed when whole, so that an empty or half database never counts as ours. */
async function create(path: string, nowMs: number): Promise<void> {
  const draft = `${path}.new`;
  removeDatabase(draft);
  // Also the journal of a database that was removed: SQLite would replay it into the new one.
  removeDatabase(path);
  closeSync(openSync(draft, 'wx', 0o600));
  const database = openDatabase(draft);
  try {
    await migrate(kysely(database), nowMs);
  } finally {
    database.close();
  }
  renameSync(draft, path);
  syncFolder(dirname(path));
}

/** Whatever goes wrong in a step that was not foreseen: the database as it was is beside it. */
function keepCopy(database: DatabaseSync, path: string): string {
  const copy = `${path}.before-v${NEWEST}`;
  removeDatabase(`${copy}.new`);
  try {
    copyWhole(database, `${copy}.new`);
  } catch (cause) {
    removeDatabase(`${copy}.new`);
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError(
      'unavailable',
      `can't keep a copy of the database before it is changed (${why}): make room in ${dirname(path)}`,
      { cause },
    );
  }
  renameSync(`${copy}.new`, copy);
  syncFolder(dirname(path));
  const folder = dirname(path);
  const copies = readdirSync(folder).filter((name) => COPY.test(name));
  const byAge = copies.sort((a, b) => statSync(join(folder, b)).mtimeMs - statSync(join(folder, a)).mtimeMs);
  for (const old of byAge.slice(KEPT_COPIES)) removeDatabase(join(folder, old));
  return copy;
}

/** One consistent file, also of what is only in the journal yet. */
function copyWhole(database: DatabaseSync, target: string): void {
  database.prepare('VACUUM INTO ?').run(target);
  chmodSync(target, 0o600);
  const file = openSync(target, 'r');
  fsyncSync(file);
  closeSync(file);
}

/** Throws `internal` for a file that is damaged or none of ours. */
export function openChecked(path: string): DatabaseSync {
  if (statSync(path).size === 0) throw new RhumbError('internal', `${path} is empty`);
  const database = openDatabase(path);
  try {
    const [row] = database.prepare('PRAGMA quick_check(1)').all();
    const verdict = Object.values(row ?? {})[0];
    if (verdict !== 'ok') throw new RhumbError('internal', `${path} is damaged (${String(verdict)})`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

export function removeDatabase(path: string): void {
  for (const name of [path, `${path}-wal`, `${path}-shm`]) rmSync(name, { force: true });
}

export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  fsyncSync(folder);
  closeSync(folder);
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
