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
