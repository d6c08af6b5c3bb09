/** The database schema as numbered steps; each is applied once, in its own transaction, and never edited afterwards. */

export interface Migration {
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
  {
    version: 3,
    name: 'policy, tags, routes, administrators, DNS, audit log',
    statements: [
      // One column instead of nine that are only ever read together.
      `ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'member'`,
      `ALTER TABLE users ADD COLUMN approved_at INTEGER`,
      `ALTER TABLE users ADD COLUMN identity TEXT`,
      `UPDATE users SET approved_at = created_at`,
      `ALTER TABLE users ADD COLUMN suspended_by TEXT`,
      `UPDATE users SET suspended_by = 'provider' WHERE suspended_at IS NOT NULL`,
      `UPDATE users SET identity = json_patch('{}', json_object(
         'issuer', issuer, 'subject', subject, 'provider', coalesce(provider, ''), 'email', email,
         'pictureUrl', picture_url, 'groups', json(coalesce(provider_groups, '[]')),
         'claimsAt', coalesce(claims_at, created_at), 'lastLoginAt', coalesce(last_login_at, created_at)))
       WHERE issuer IS NOT NULL AND subject IS NOT NULL`,
      `DROP INDEX users_identity`,
      ...[
        'issuer',
        'subject',
        'provider',
        'email',
        'picture_url',
        'provider_groups',
        'claims_at',
        'last_login_at',
      ].map((column) => `ALTER TABLE users DROP COLUMN ${column}`),
      `CREATE UNIQUE INDEX users_identity ON users (identity ->> 'issuer', identity ->> 'subject')
         WHERE identity IS NOT NULL`,
      // SQLite can't take NOT NULL from a column: both tables are made anew. Renaming keeps the reference between them.
      `CREATE TABLE new_auth_keys (
         id INTEGER PRIMARY KEY,
         prefix TEXT NOT NULL UNIQUE,
         hash BLOB NOT NULL,
         user_id INTEGER REFERENCES users (id),
         tags TEXT NOT NULL,
         reusable INTEGER NOT NULL,
         ephemeral INTEGER NOT NULL,
         is_preapproved INTEGER NOT NULL,
         max_uses INTEGER,
         use_count INTEGER NOT NULL,
         created_at INTEGER NOT NULL,
         expires_at INTEGER,
         used_at INTEGER,
         revoked_at INTEGER,
         description TEXT NOT NULL,
         ipv4 TEXT,
         ipv6 TEXT,
         hostname TEXT,
         created_by TEXT NOT NULL
       ) STRICT`,
      `INSERT INTO new_auth_keys
         SELECT id, prefix, hash, user_id, '[]', reusable, ephemeral, 1, NULL, used_at IS NOT NULL, created_at,
                expires_at, used_at, NULL, '', NULL, NULL, NULL, ''
         FROM auth_keys`,
      `CREATE TABLE new_nodes (
         id INTEGER PRIMARY KEY,
         machine_key TEXT NOT NULL,
         node_key TEXT NOT NULL UNIQUE,
         disco_key TEXT,
         user_id INTEGER REFERENCES users (id),
         tags TEXT NOT NULL,
         hostname TEXT NOT NULL,
         given_name TEXT NOT NULL UNIQUE,
         given_name_locked INTEGER NOT NULL,
         ipv4 TEXT NOT NULL UNIQUE,
         ipv6 TEXT NOT NULL UNIQUE,
         register_method TEXT NOT NULL,
         auth_key_id INTEGER REFERENCES new_auth_keys (id) ON DELETE SET NULL,
         ephemeral INTEGER NOT NULL,
         expiry INTEGER,
         created_at INTEGER NOT NULL,
         last_seen INTEGER,
         host_info TEXT NOT NULL,
         endpoints TEXT NOT NULL,
         endpoint_types TEXT NOT NULL,
         home_derp INTEGER NOT NULL,
         capver INTEGER NOT NULL,
         approved_routes TEXT NOT NULL,
         approved_at INTEGER,
         disabled_at INTEGER,
         key_expiry_disabled INTEGER NOT NULL,
         attributes TEXT NOT NULL,
         route_priority INTEGER,
         created_by TEXT NOT NULL,
         CHECK ((user_id IS NULL) = (tags <> '[]'))
       ) STRICT`,
      `INSERT INTO new_nodes
         SELECT id, machine_key, node_key, disco_key, user_id, '[]', hostname, given_name, given_name_locked, ipv4, ipv6,
                register_method, auth_key_id, ephemeral, expiry, created_at, last_seen, host_info, endpoints,
                endpoint_types, home_derp, capver, '[]', created_at, NULL, 0, '{}', NULL, ''
         FROM nodes`,
      `DROP TABLE nodes`,
      `DROP TABLE auth_keys`,
      `ALTER TABLE new_auth_keys RENAME TO auth_keys`,
      `ALTER TABLE new_nodes RENAME TO nodes`,
      `CREATE UNIQUE INDEX nodes_machine ON nodes (machine_key, coalesce(user_id, 0))`,
      `CREATE TABLE api_keys (
         id INTEGER PRIMARY KEY,
         kind TEXT NOT NULL,
         prefix TEXT NOT NULL UNIQUE,
         hash BLOB NOT NULL,
         user_id INTEGER REFERENCES users (id),
         client_id INTEGER REFERENCES api_keys (id),
         scopes TEXT NOT NULL,
         tags TEXT NOT NULL,
         description TEXT NOT NULL,
         created_at INTEGER NOT NULL,
         expires_at INTEGER,
         last_used_at INTEGER,
         revoked_at INTEGER,
         created_by TEXT NOT NULL
       ) STRICT`,
      `CREATE TABLE sessions (
         id INTEGER PRIMARY KEY,
         id_hash BLOB NOT NULL UNIQUE,
         user_id INTEGER NOT NULL REFERENCES users (id),
         created_at INTEGER NOT NULL,
         auth_at INTEGER NOT NULL,
         last_used_at INTEGER NOT NULL,
         expires_at INTEGER NOT NULL,
         address TEXT NOT NULL,
         user_agent TEXT NOT NULL
       ) STRICT`,
      `CREATE TABLE passkeys (
         id INTEGER PRIMARY KEY,
         user_id INTEGER NOT NULL REFERENCES users (id),
         credential_id TEXT NOT NULL UNIQUE,
         public_key BLOB NOT NULL,
         sign_count INTEGER NOT NULL,
         transports TEXT NOT NULL,
         name TEXT NOT NULL,
         created_at INTEGER NOT NULL,
         last_used_at INTEGER
       ) STRICT`,
      `CREATE TABLE policies (
         id INTEGER PRIMARY KEY,
         text TEXT NOT NULL,
         sha256 TEXT NOT NULL,
         author TEXT NOT NULL,
         comment TEXT NOT NULL,
         created_at INTEGER NOT NULL
       ) STRICT`,
      `CREATE TABLE dns_records (
         id INTEGER PRIMARY KEY,
         name TEXT NOT NULL,
         type TEXT NOT NULL,
         value TEXT NOT NULL,
         comment TEXT NOT NULL,
         created_at INTEGER NOT NULL,
         UNIQUE (name, type, value)
       ) STRICT`,
      `CREATE TABLE webhooks (
         id INTEGER PRIMARY KEY,
         url TEXT NOT NULL,
         provider TEXT NOT NULL,
         subscriptions TEXT NOT NULL,
         sealed_secret BLOB NOT NULL,
         created_by TEXT NOT NULL,
         created_at INTEGER NOT NULL,
         updated_at INTEGER NOT NULL,
         disabled_at INTEGER,
         previous_secret BLOB,
         previous_until INTEGER
       ) STRICT`,
      `CREATE TABLE webhook_deliveries (
         id INTEGER PRIMARY KEY,
         webhook_id INTEGER NOT NULL REFERENCES webhooks (id),
         events TEXT NOT NULL,
         body TEXT NOT NULL,
         created_at INTEGER NOT NULL,
         attempts INTEGER NOT NULL,
         next_at INTEGER,
         delivered_at INTEGER,
         status INTEGER,
         problem TEXT
       ) STRICT`,
      `CREATE TABLE freed_addresses (
         id INTEGER PRIMARY KEY,
         address TEXT NOT NULL UNIQUE,
         until INTEGER NOT NULL
       ) STRICT`,
      `ALTER TABLE admin_codes ADD COLUMN purpose TEXT NOT NULL DEFAULT 'machine'`,
      // No references: what is left of machines that are gone opens nothing, and is swept with the next check.
      `CREATE TABLE ssh_checks (
         id INTEGER PRIMARY KEY,
         source INTEGER NOT NULL,
         destination INTEGER NOT NULL,
         login TEXT NOT NULL,
         user_id INTEGER NOT NULL,
         at INTEGER NOT NULL,
         source_key TEXT NOT NULL,
         rules TEXT NOT NULL
       ) STRICT`,
      `CREATE TABLE audit_log (
         seq INTEGER PRIMARY KEY,
         at INTEGER NOT NULL,
         actor TEXT NOT NULL,
         action TEXT NOT NULL,
         target TEXT NOT NULL,
         entry TEXT NOT NULL,
         hash TEXT NOT NULL
       ) STRICT`,
      // Place and hash of the newest row that was removed; no row while none ever was.
      `CREATE TABLE audit_anchor (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT`,
      `CREATE INDEX audit_log_at ON audit_log (at)`,
      `CREATE INDEX audit_log_target ON audit_log (target)`,
    ],
  },
];
