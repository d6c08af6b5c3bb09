/** The store over an open SQLite database, through Kysely. */
import { statSync } from 'node:fs';
import { backup, type DatabaseSync } from 'node:sqlite';
import { Kysely, SqliteDialect, sql } from 'kysely';
import { RhumbError } from '#shared/errors.ts';
import { auditChain, readAudit } from './audit-log.ts';
import { kyselyDatabase } from './node-sqlite.ts';
import { apply, type Database, readAll } from './rows.ts';
import type { Store } from './store.ts';

/** Pages that a backup copies before others get a turn; some milliseconds. */
const PAGES_AT_ONCE = 1_000;

export const kysely = (database: DatabaseSync): Kysely<Database> =>
  new Kysely<Database>({ dialect: new SqliteDialect({ database: kyselyDatabase(database) }) });

/** `path` is that of a file, which must stay the one that was opened. */
export function storeOver(database: DatabaseSync, path: string | undefined, onClose: () => void): Store {
  const db = kysely(database);
  const refuseReplaced = path === undefined ? () => undefined : samePlace(path);
  return {
    load: () => db.transaction().execute(readAll),
    commit: async (writes) => {
      refuseReplaced();
      await db.transaction().execute(async (transaction) => {
        for (const write of writes) await apply(transaction, write);
      });
    },
    auditLog: (query) => readAudit(db, query),
    audit: auditChain(db),
    disk: {
      problems: async () => [
        ...(path === undefined ? [] : placeProblem(refuseReplaced)),
        ...(await check(db)),
      ],
      copyTo: async (target) => {
        await backup(database, target, { rate: PAGES_AT_ONCE });
      },
    },
    [Symbol.asyncDispose]: async () => {
      await db.destroy();
      onClose();
    },
  };
}

/**
 * An open file stays usable after somebody removed or replaced it, and everything written to it from then on is gone with the
 * process. Such a write must fail instead.
 */
function samePlace(path: string): () => void {
  const opened = statSync(path);
  return () => {
    const now = statSync(path, { throwIfNoEntry: false });
    if (now?.ino === opened.ino && now.dev === opened.dev) return;
    throw new RhumbError(
      'unavailable',
      `${path} was ${now === undefined ? 'removed' : 'replaced'} while the server runs: put it back, or restart to use what is there`,
    );
  };
}

function placeProblem(refuseReplaced: () => void): readonly string[] {
  try {
    refuseReplaced();
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

const MAX_PROBLEMS = 100;

async function check(db: Kysely<Database>): Promise<readonly string[]> {
  const pages = await sql<{ integrity_check: string }>`PRAGMA integrity_check(100)`.execute(db);
  const references = await sql<{
    table: string;
    rowid: number;
    parent: string;
  }>`PRAGMA foreign_key_check`.execute(db);
  return [
    ...pages.rows.map((row) => row.integrity_check).filter((text) => text !== 'ok'),
    ...references.rows.map(
      (row) => `row ${row.rowid} of ${row.table} belongs to a row of ${row.parent} that is not there`,
    ),
  ].slice(0, MAX_PROBLEMS);
}
