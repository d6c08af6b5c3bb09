/** Both SQLite stores by the shared suite; the file store also against crashes, damage and a second server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { migrations } from './migrations.ts';
import { sampleNode, sampleUser } from './sample-records.ts';
import { DATABASE_FILE, openMemoryStore, openSqliteStore } from './sqlite.ts';
import { storeSuite } from './store-suite.ts';

const root = mkdtempSync(join(tmpdir(), 'rhumb-store-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const fresh = (): string => join(root, String(count++));

storeSuite('in memory', () => ({ open: () => openMemoryStore(0), reopen: undefined }));
storeSuite('in a file', () => {
  const dir = fresh();
  return { open: () => openSqliteStore(dir, 0), reopen: () => openSqliteStore(dir, 0) };
});

describe('the file', () => {
  let dir = '';
  beforeEach(() => {
    dir = fresh();
  });
  const fill = async (): Promise<void> => {
    await using store = await openSqliteStore(dir, 0);
    const nodes = Array.from({ length: 200 }, (_, index) => sampleNode(index + 1));
    await store.commit([
      { put: 'user', value: sampleUser },
      ...nodes.map((value) => ({ put: 'node', value }) as const),
    ]);
  };

  test('is for its owner only', async () => {
    await fill();
    expect(statSync(join(dir, DATABASE_FILE)).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
  });

  test('is opened once: a second server is told what to do', async () => {
    await using _store = await openSqliteStore(dir, 0);
    await expect(openSqliteStore(dir, 0)).rejects.toThrow(/in use by another rhumb-control: stop that one/);
  });

  test('can be opened again after it was closed, and after a failed attempt', async () => {
    await fill();
    writeFileSync(join(dir, `${DATABASE_FILE}.new`), 'left by a crash');
    await (await openSqliteStore(dir, 0))[Symbol.asyncDispose]();
    await (await openSqliteStore(dir, 0))[Symbol.asyncDispose]();
  });

  test('made anew takes over nothing from the journal that a removed one left', async () => {
    const path = join(dir, DATABASE_FILE);
    const store = await openSqliteStore(dir, 0);
    await store.commit([{ put: 'user', value: sampleUser }]);
    // What a killed server leaves: its last commits are in the journal only.
    const journal = readFileSync(`${path}-wal`);
    await store[Symbol.asyncDispose]();
    rmSync(path);
    writeFileSync(`${path}-wal`, journal);
    await using next = await openSqliteStore(dir, 0);
    expect((await next.load()).tables.user).toEqual([]);
  });

  test.each([
    [
      'cut in half',
      (path: string) => truncateSync(path, Math.floor(statSync(path).size / 2 / 4_096) * 4_096),
    ],
    ['cut in the middle of a page', (path: string) => truncateSync(path, 10_001)],
    ['emptied', (path: string) => truncateSync(path, 0)],
    ['something else', (path: string) => writeFileSync(path, 'hello '.repeat(2_000))],
    [
      'overwritten in the middle',
      (path: string) => writeFileSync(path, readFileSync(path).fill(0xaa, 8_192, 24_576)),
    ],
  ])('%s is refused with what to do, and left as it is', async (_what, damage) => {
    await fill();
    const path = join(dir, DATABASE_FILE);
    damage(path);
    const before = readFileSync(path);
    await expect(openSqliteStore(dir, 0)).rejects.toThrow(/Restore control\.db from a backup/);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('of a newer program is refused', async () => {
    await fill();
    const database = new DatabaseSync(join(dir, DATABASE_FILE));
    database.exec("INSERT INTO schema_migrations VALUES (999, 'future', 0, 'x')");
    database.close();
    await expect(openSqliteStore(dir, 0)).rejects.toThrow(/use the newer rhumb-control/);
  });

  test('of the first version is brought forward with everything in it', async () => {
    const [first] = migrations;
    mkdirSync(dir, { mode: 0o700 });
    const database = new DatabaseSync(join(dir, DATABASE_FILE));
    database.exec(
      'CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT, applied_at INTEGER)',
    );
    for (const statement of first?.statements ?? []) database.exec(statement);
    database.exec("INSERT INTO schema_migrations VALUES (1, 'first', 0)");
    database.exec("INSERT INTO users VALUES (1, 'alice', 'Alice', 1000)");
    database.close();
    await using store = await openSqliteStore(dir, 0);
    expect((await store.load()).tables.user).toEqual([sampleUser]);
    await store.commit([{ put: 'node', value: sampleNode(1, { registerMethod: 'oidc' }) }]);
    expect((await store.load()).tables.node).toEqual([sampleNode(1, { registerMethod: 'oidc' })]);
  });

  test.each([1, 2])('of version %d with people, machines and keys loses nothing of them', async (steps) => {
    mkdirSync(dir, { mode: 0o700 });
    const database = new DatabaseSync(join(dir, DATABASE_FILE));
    database.exec(
      'CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT, applied_at INTEGER)',
    );
    for (const one of migrations.slice(0, steps)) {
      for (const statement of one.statements) database.exec(statement);
      database.prepare('INSERT INTO schema_migrations VALUES (?, ?, 0)').run(one.version, one.name);
    }
    const hex = (n: number): string => n.toString(16).padStart(64, '0');
    database.exec(`
      INSERT INTO settings VALUES ('noise-key', 'privkey:x'), ('next-user-id', '4'), ('next-node-id', '9'),
        ('next-authKey-id', '3'), ('next-adminCode-id', '2');
      INSERT INTO users (id, name, display_name, created_at) VALUES
        (1, 'alice', 'Alice', 1000), (2, 'bob', '', 2000), (3, 'carol', 'C', 3000);
      INSERT INTO auth_keys VALUES (1, 'aaaaaaaaaaaa', x'01', 1, 0, 0, 10, 20, 15), (2, 'bbbbbbbbbbbb', x'02', 2, 1, 1, 11, NULL, NULL);
      INSERT INTO admin_codes VALUES (1, x'03', 1, 5, 6, 7);
      INSERT INTO nodes VALUES
        (4, 'mkey:${hex(1)}', 'nodekey:${hex(2)}', 'discokey:${hex(3)}', 1, 'Web', 'web', 0, '100.64.0.1', 'fd7a:115c:a1e0::1',
          'authkey', 1, 0, 99, 12, 13, '{"OS":"linux"}', '["192.0.2.1:1"]', '[1]', 900, 130),
        (8, 'mkey:${hex(1)}', 'nodekey:${hex(4)}', NULL, 2, 'Web', 'web-1', 1, '100.64.0.2', 'fd7a:115c:a1e0::2',
          'oidc', NULL, 1, NULL, 14, NULL, '{}', '[]', '[]', 0, 90);`);
    if (steps > 1)
      database.exec(`
        UPDATE users SET issuer = 'https://id.example.com', subject = 'b', provider = 'example', claims_at = 30, last_login_at = 31,
          provider_groups = '["a","b, c"]', email = 'bob@example.com' WHERE id = 2;
        UPDATE users SET issuer = 'https://id.example.com', subject = 'c', suspended_at = 77 WHERE id = 3;
        INSERT INTO oidc_grants VALUES (2, x'0405', 32);`);
    database.close();

    await using store = await openSqliteStore(dir, 0);
    const { tables, settings } = await store.load();
    expect(await store.disk.problems()).toEqual([]);
    expect(settings.get('next-node-id')).toBe('9');
    const [alice, bob, carol] = tables.user;
    expect(alice).toEqual({ ...sampleUser, identity: undefined });
    const identity = { issuer: 'https://id.example.com', subject: 'b', provider: 'example' };
    if (steps > 1) {
      const facts = { email: 'bob@example.com', groups: ['a', 'b, c'], claimsAt: 30, lastLoginAt: 31 };
      expect(bob?.identity).toEqual({ ...identity, ...facts });
      expect(carol).toMatchObject({
        ...{ suspendedAt: 77, suspendedBy: 'provider', approvedAt: 3_000 },
        identity: { subject: 'c', provider: '', groups: [], claimsAt: 3_000, lastLoginAt: 3_000 },
      });
      expect(tables.grant).toMatchObject([{ id: 2, checkedAt: 32 }]);
    } else expect(bob?.identity).toBeUndefined();
    expect(tables.authKey).toMatchObject([
      { id: 1, userId: 1, tags: [], reusable: false, useCount: 1, usedAt: 15, expiresAt: 20 },
      { id: 2, userId: 2, tags: [], reusable: true, ephemeral: true, useCount: 0, usedAt: undefined },
    ]);
    expect(tables.adminCode).toMatchObject([{ id: 1, purpose: 'machine', usedAt: 7 }]);
    expect(tables.node).toMatchObject([
      { id: 4, userId: 1, authKeyId: 1, expiry: 99, approvedAt: 12, lastSeen: 13, homeDerp: 900, tags: [] },
      { id: 8, userId: 2, authKeyId: undefined, ephemeral: true, givenNameLocked: true, expiry: undefined },
    ]);
    // The references between the new tables hold: a key that goes takes no machine with it, a user in use can't go.
    await store.commit([{ remove: 'authKey', id: 1 }]);
    expect((await store.load()).tables.node[0]?.authKeyId).toBeUndefined();
    await expect(store.commit([{ remove: 'user', id: 2 }])).rejects.toThrow(/FOREIGN KEY/);
  });

  test('a state directory that is a file is refused', async () => {
    writeFileSync(dir, '');
    await expect(openSqliteStore(dir, 0)).rejects.toThrow(/not a directory/);
  });

  test('a process killed while it writes loses nothing it was told is safe, and holds no lock', async () => {
    const program = `
      const { openSqliteStore } = await import(${JSON.stringify(join(import.meta.dirname, 'sqlite.ts'))});
      const store = await openSqliteStore(${JSON.stringify(dir)}, 0);
      for (let n = 0; ; n++) {
        await store.commit([{ put: 'setting', key: 'n', value: String(n) }, { put: 'setting', key: 'twin', value: String(n) }]);
        process.stdout.write(n + '\\n');
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    for await (const part of child.stdout as AsyncIterable<Buffer>) {
      said += part.toString();
      if (said.split('\n').length > 50) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    const safe = Number(said.split('\n').at(-2));
    await using store = await openSqliteStore(dir, 0);
    const { settings } = await store.load();
    expect(Number(settings.get('n'))).toBeGreaterThanOrEqual(safe);
    expect(settings.get('twin')).toBe(settings.get('n'));
  });
});
