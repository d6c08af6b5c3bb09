/** The database schema as numbered steps; each is applied once, in its own transaction, and never edited afterwards. */
import { type Kysely, sql } from 'kysely';
import { RhumbError } from '#shared/errors.ts';

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly statements: readonly string[];
}

export const migrations: readonly Migration[] = [
  {
    version: 1,
    name: 'users, nodes, auth keys, admin codes',
    statements: [
      `CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT`,
      `CREATE TABLE users (
         id INTEGER PRIMARY KEY,
         name TEXT NOT NULL UNIQUE,
         display_name TEXT NOT NULL,
         created_at INTEGER NOT NULL
       ) STRICT`,
      `CREATE TABLE auth_keys (
         id INTEGER PRIMARY KEY,
         prefix TEXT NOT NULL UNIQUE,
         hash BLOB NOT NULL,
         user_id INTEGER NOT NULL REFERENCES users (id),
         reusable INTEGER NOT NULL,
         ephemeral INTEGER NOT NULL,
         created_at INTEGER NOT NULL,
         expires_at INTEGER,
         used_at INTEGER
       ) STRICT`,
      `CREATE TABLE nodes (
         id INTEGER PRIMARY KEY,
         machine_key TEXT NOT NULL,
         node_key TEXT NOT NULL UNIQUE,
         disco_key TEXT,
         user_id INTEGER NOT NULL REFERENCES users (id),
         hostname TEXT NOT NULL,
         given_name TEXT NOT NULL UNIQUE,
         given_name_locked INTEGER NOT NULL,
         ipv4 TEXT NOT NULL UNIQUE,
         ipv6 TEXT NOT NULL UNIQUE,
         register_method TEXT NOT NULL,
         auth_key_id INTEGER REFERENCES auth_keys (id),
         ephemeral INTEGER NOT NULL,
         expiry INTEGER,
         created_at INTEGER NOT NULL,
         last_seen INTEGER,
         host_info TEXT NOT NULL,
         endpoints TEXT NOT NULL,
         endpoint_types TEXT NOT NULL,
         home_derp INTEGER NOT NULL,
         capver INTEGER NOT NULL,
         UNIQUE (machine_key, user_id)
       ) STRICT`,
      `CREATE TABLE admin_codes (
         id INTEGER PRIMARY KEY,
         hash BLOB NOT NULL,
         user_id INTEGER NOT NULL REFERENCES users (id),
         created_at INTEGER NOT NULL,
         expires_at INTEGER NOT NULL,
         used_at INTEGER
       ) STRICT`,
    ],
  },
  {
    version: 2,
    name: 'users of identity providers',
    statements: [
      `ALTER TABLE users ADD COLUMN issuer TEXT`,
      `ALTER TABLE users ADD COLUMN subject TEXT`,
      `ALTER TABLE users ADD COLUMN provider TEXT`,
      `ALTER TABLE users ADD COLUMN email TEXT`,
      `ALTER TABLE users ADD COLUMN picture_url TEXT`,
      `ALTER TABLE users ADD COLUMN provider_groups TEXT`,
      `ALTER TABLE users ADD COLUMN claims_at INTEGER`,
      `ALTER TABLE users ADD COLUMN last_login_at INTEGER`,
      `ALTER TABLE users ADD COLUMN suspended_at INTEGER`,
      `CREATE UNIQUE INDEX users_identity ON users (issuer, subject) WHERE issuer IS NOT NULL`,
      `CREATE TABLE oidc_grants (
         id INTEGER PRIMARY KEY REFERENCES users (id),
         sealed_token BLOB NOT NULL,
         checked_at INTEGER NOT NULL
       ) STRICT`,
    ],
  },
];

const NEWEST = Math.max(...migrations.map((one) => one.version));

/** Brings a database of any earlier version to the newest; refuses one that a newer program wrote. */
export async function migrate<T>(db: Kysely<T>, nowMs: number): Promise<void> {
  await sql`CREATE TABLE IF NOT EXISTS schema_migrations (
      version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL
    ) STRICT`.execute(db);
  const found = await sql<{ version: number }>`SELECT version FROM schema_migrations`.execute(db);
  const applied = new Set(found.rows.map((row) => row.version));
  const beyond = Math.max(0, ...applied);
  if (beyond > NEWEST)
    throw new RhumbError(
      'conflict',
      `the database has version ${beyond}, this program knows up to ${NEWEST}: use the newer rhumb-control that wrote it`,
    );
  for (const one of migrations) {
    if (applied.has(one.version)) continue;
    await db.transaction().execute(async (step) => {
      for (const statement of one.statements) await sql.raw(statement).execute(step);
      await sql`INSERT INTO schema_migrations VALUES (${one.version}, ${one.name}, ${nowMs})`.execute(step);
    });
  }
}
