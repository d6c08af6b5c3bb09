/** Backups as files: made while the server runs, checked before they count, put back when it does not. */
import { chmodSync, closeSync, copyFileSync, existsSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RhumbError } from '#shared/errors.ts';
import { checksumOf } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import { DATABASE_FILE, openChecked, removeDatabase, syncFolder } from '../store/sqlite.ts';
import { lockState } from '../store/state-lock.ts';
import type { Disk } from '../store/store.ts';

const NAME = /^control-\d{8}T\d{6}Z\.db$/;

export interface BackupFacts {
  readonly file: string;
  readonly bytes: number;
  /** Of the schema. */
  readonly version: number;
  readonly users: number;
  readonly nodes: number;
  readonly auditEntries: number;
}

/** `control-20260102T030405Z.db` */
export const backupName = (nowMs: number): string =>
  `control-${new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '')}.db`;

/** A copy under another name first: one that was not finished, or is no good, never looks like a backup. */
export async function createBackup(disk: Disk, file: string): Promise<BackupFacts> {
  if (existsSync(file)) throw new RhumbError('conflict', `${file} is there already: choose another name`);
  const draft = `${file}.part`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  removeDatabase(draft);
  try {
    // Made before the copy, so that it is nobody else's from the first byte on.
    closeSync(openSync(draft, 'wx', 0o600));
    await disk.copyTo(draft);
    const handle = openSync(draft, 'r');
    fsyncSync(handle);
    closeSync(handle);
    const facts = { ...verifyBackup(draft), file };
    renameSync(draft, file);
    syncFolder(dirname(file));
    return facts;
  } catch (cause) {
    if (cause instanceof RhumbError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('unavailable', `can't make the backup ${file}: ${why}`, { cause });
  } finally {
    removeDatabase(draft);
  }
}

/** Reads the whole file; throws when it could not be put back. */
export function verifyBackup(file: string): BackupFacts {
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(file, { readOnly: true });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('not-found', `can't open the backup ${file}: ${why}`, { cause });
  }
  try {
    const number = (sql: string): number => Number(Object.values(database.prepare(sql).get() ?? {})[0] ?? 0);
    const verdict = Object.values(database.prepare('PRAGMA integrity_check(1)').get() ?? {})[0];
    if (verdict !== 'ok') throw new Error(`it is damaged (${String(verdict)})`);
    const version = number('SELECT max(version) FROM schema_migrations');
    refuseOtherShape(database);
    return {
      file,
      bytes: number('PRAGMA page_count') * number('PRAGMA page_size'),
      version,
      users: number('SELECT count(*) FROM users'),
      nodes: number('SELECT count(*) FROM nodes'),
      auditEntries: version < 3 ? 0 : number('SELECT count(*) FROM audit_log'),
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('internal', `${file} is no backup that can be put back: ${why}`, { cause });
  } finally {
    database.close();
  }
}

function refuseOtherShape(database: DatabaseSync): void {
  const has = database.prepare(
    "SELECT 1 FROM pragma_table_info('schema_migrations') WHERE name = 'checksum'",
  );
  if (has.get() === undefined) return;
  for (const row of database.prepare('SELECT version, checksum FROM schema_migrations').all()) {
    const known = migrations.find((one) => one.version === row['version']);
    if (known === undefined) throw new Error(`a newer rhumb-control wrote it (version ${row['version']})`);
    if (row['checksum'] !== null && row['checksum'] !== checksumOf(known))
      throw new Error(`another rhumb-control wrote it (step ${known.version} differs)`);
  }
}

export interface Restored {
  readonly facts: BackupFacts;
  /** Where the database that was there is now; undefined when there was none. */
  readonly before: string | undefined;
}

/** Puts a backup in the place of the database, which is kept beside it. No server may run on the directory. */
export async function restoreBackup(stateDir: string, file: string, nowMs: number): Promise<Restored> {
  const facts = verifyBackup(file);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  using _lock = lockState(join(stateDir, 'control.lock'));
  const path = join(stateDir, DATABASE_FILE);
  const draft = `${path}.restored`;
  removeDatabase(draft);
  copyFileSync(file, draft);
  chmodSync(draft, 0o600);
  // Also brings what is only in its journal into the file.
  openChecked(draft).close();
  let before: string | undefined;
  if (existsSync(path)) {
    before = `${path}.replaced-${backupName(nowMs).slice('control-'.length, -'.db'.length)}`;
    setAside(path, before);
  }
  renameSync(draft, path);
  syncFolder(stateDir);
  return { facts, before };
}

/**
 * A copy, because there must be a database at every moment: a server that starts without one begins a new state. What is only
 * in the journal goes into the file first; a database that is too damaged for that takes its journal along.
 */
function setAside(path: string, before: string): void {
  try {
    openChecked(path).close();
  } catch {
    // It is being replaced, perhaps for that reason.
  }
  copyFileSync(path, before);
  chmodSync(before, 0o600);
  const handle = openSync(before, 'r');
  fsyncSync(handle);
  closeSync(handle);
  for (const end of ['-wal', '-shm'])
    if (existsSync(`${path}${end}`)) renameSync(`${path}${end}`, `${before}${end}`);
}

/** Backups in a folder, newest first. */
export async function listBackups(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .filter((name) => NAME.test(name))
    .sort()
    .reverse();
}

/** Keeps the newest `keep`; the names say which they are. */
export async function pruneBackups(folder: string, keep: number): Promise<number> {
  const old = (await listBackups(folder)).slice(keep);
  for (const name of old) removeDatabase(join(folder, name));
  return old.length;
}

export const ageOf = async (file: string, nowMs: number): Promise<number> =>
  nowMs - (await stat(file)).mtimeMs;
