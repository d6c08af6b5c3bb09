/** The disk in trouble: full, gone, replaced, changed by another program or by a newer one; nothing acknowledged is lost. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { checksumOf } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { DATABASE_FILE, openSqliteStore, planMigration } from '../store/sqlite.ts';
import { Network } from './network.ts';

const root = mkdtempSync(join(tmpdir(), 'rhumb-trouble-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
let dir = '';
let path = '';
beforeEach(() => {
  dir = join(root, String(count++));
  path = join(dir, DATABASE_FILE);
});

/** A database as a program with only the first `steps` steps left it. */
function makeOld(steps: number): void {
  mkdirSync(dir, { mode: 0o700 });
  const database = new DatabaseSync(path);
  database.exec(
    'CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT, applied_at INTEGER)',
  );
  for (const one of migrations.slice(0, steps)) {
    for (const statement of one.statements) database.exec(statement);
    database.prepare('INSERT INTO schema_migrations VALUES (?, ?, 0)').run(one.version, one.name);
  }
  database.exec("INSERT INTO users (id, name, display_name, created_at) VALUES (1, 'alice', 'Alice', 1000)");
  database.close();
}

describe('a change of the schema', () => {
  test('keeps a copy of what was, and only a few of them', async () => {
    makeOld(1);
    for (const n of [-1, -2, -3]) writeFileSync(`${path}.before-v${-n + 90}`, '');
    await (await openSqliteStore(dir, 0))[Symbol.asyncDispose]();
    const copies = readdirSync(dir).filter((name) => name.includes('.before-v'));
    expect(copies).toHaveLength(3);
    expect(copies).toContain(`control.db.before-v${migrations.length}`);
    const copy = new DatabaseSync(`${path}.before-v${migrations.length}`);
    expect(copy.prepare('SELECT max(version) AS v FROM schema_migrations').get()).toEqual({ v: 1 });
    expect(copy.prepare('SELECT name FROM users').all()).toEqual([{ name: 'alice' }]);
    copy.close();
  });

  test('makes no copy when there is nothing to change', async () => {
    await (await openSqliteStore(dir, 0))[Symbol.asyncDispose]();
    await (await openSqliteStore(dir, 0))[Symbol.asyncDispose]();
    expect(readdirSync(dir).filter((name) => name.includes('before'))).toEqual([]);
  });

  test('goes on where an interrupted one stopped', async () => {
    makeOld(2);
    await using store = await openSqliteStore(dir, 0);
    expect((await store.load()).tables.user).toEqual([sampleUser]);
  });

  test('can be looked at before: it is done to a copy, and nothing stays of it', async () => {
    makeOld(2);
    expect(await planMigration(dir, 0)).toMatchObject({ from: 2, steps: [{ version: 3 }] });
    const database = new DatabaseSync(path);
    expect(database.prepare('SELECT count(*) AS n FROM schema_migrations').get()).toEqual({ n: 2 });
    database.close();
    expect(readdirSync(dir).filter((name) => name.includes('dry-run'))).toEqual([]);
    await (await openSqliteStore(dir, 0))[Symbol.asyncDispose]();
    expect(await planMigration(dir, 0)).toMatchObject({ steps: [] });
  });

  test('by a program whose step was another one is refused', async () => {
    await (await openSqliteStore(dir, 0))[Symbol.asyncDispose]();
    const database = new DatabaseSync(path);
    database.exec("UPDATE schema_migrations SET checksum = 'other' WHERE version = 2");
    database.close();
    await expect(openSqliteStore(dir, 0)).rejects.toThrow(/step 2 .* is not the one of this program/);
  });

  // What was released is never edited: a database that has it would be refused.
  test.each([
    [1, '3ab3'],
    [2, '0b56'],
  ])('never edits released step %i', (version, begins) => {
    const step = migrations.find((one) => one.version === version);
    expect(step === undefined ? '' : checksumOf(step).slice(0, 4)).toBe(begins);
  });
});

test('tables of other programs are left alone, also through a change of the schema', async () => {
  makeOld(1);
  const database = new DatabaseSync(path);
  database.exec('CREATE TABLE _replica_seq (id INTEGER PRIMARY KEY, seq INTEGER)');
  database.exec('INSERT INTO _replica_seq VALUES (1, 42)');
  database.close();
  const store = await openSqliteStore(dir, 0);
  await store.commit([{ put: 'node', value: sampleNode(1) }]);
  expect(await store.disk.problems()).toEqual([]);
  await store[Symbol.asyncDispose]();
  const after = new DatabaseSync(path);
  expect(after.prepare('SELECT seq FROM _replica_seq').get()).toEqual({ seq: 42 });
  after.close();
});

describe('under a running server', () => {
  test('a database that was removed or replaced takes no write, and takes them again when it is back', async () => {
    await using store = await openSqliteStore(dir, 0);
    await store.commit([{ put: 'user', value: sampleUser }]);
    renameSync(path, `${path}.away`);
    await expect(store.commit([{ put: 'setting', key: 'a', value: '1' }])).rejects.toThrow(/was removed/);
    copyFileSync(`${path}.away`, path);
    await expect(store.commit([{ put: 'setting', key: 'a', value: '1' }])).rejects.toThrow(/was replaced/);
    expect(await store.disk.problems()).toEqual([expect.stringMatching(/was replaced/)]);
    renameSync(`${path}.away`, path);
    await store.commit([{ put: 'setting', key: 'a', value: '2' }]);
    expect((await store.load()).settings.get('a')).toBe('2');
  });

  test('a copy is whole while it is written to', async () => {
    await using store = await openSqliteStore(dir, 0);
    await store.commit([{ put: 'user', value: sampleUser }]);
    for (let id = 1; id <= 200; id++) await store.commit([{ put: 'node', value: sampleNode(id) }]);
    const target = join(root, 'copy.db');
    const copied = store.disk.copyTo(target);
    await store.commit([{ put: 'node', value: sampleNode(201) }]);
    await copied;
    const copy = new DatabaseSync(target);
    expect(copy.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    expect(copy.prepare('SELECT count(*) AS n FROM nodes').get()?.['n']).toBeGreaterThanOrEqual(200);
    copy.close();
  });

  test('a full disk refuses writes, memory stays what is on disk, and room lets them through again', async ({
    skip,
  }) => {
    if (process.getuid?.() !== 0) skip('needs root to make a small disk');
    mkdirSync(dir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'rhumb-full', dir]);
    try {
      const clock = new FakeClock();
      const store = await openSqliteStore(dir, 0);
      await using network = await Network.open({ store, clock, log: silent, defer: setImmediate });
      await network.save({ writes: [{ put: 'user', value: sampleUser }] });
      const filler = join(dir, 'filler');
      expect(() => writeFileSync(filler, new Uint8Array(2 << 20))).toThrow(/ENOSPC/);
      // One save alone, and one among others in the same transaction.
      const big = 'x'.repeat(200_000);
      const saves = ['a', 'b', 'c'].map((key) =>
        network.save({ writes: [{ put: 'setting', key, value: big }] }),
      );
      for (const save of saves) await expect(save).rejects.toThrow(/check the space/);
      expect(network.storage.kind).toBe('failing');
      expect(['a', 'b', 'c'].map((key) => network.setting(key))).toEqual([undefined, undefined, undefined]);
      expect([...(await store.load()).settings.keys()]).toEqual([]);
      rmSync(filler);
      await network.save({ writes: [{ put: 'setting', key: 'd', value: 'small' }] });
      expect(network.storage).toEqual({ kind: 'writable' });
      expect((await store.load()).settings.get('d')).toBe('small');
      expect(await store.disk.problems()).toEqual([]);
    } finally {
      execFileSync('umount', ['-l', dir]);
    }
  });

  test('no room for the copy before a change: the change does not begin', async ({ skip }) => {
    if (process.getuid?.() !== 0) skip('needs root to make a small disk');
    makeOld(2);
    const disk = `${dir}-small`;
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'rhumb-full', disk]);
    try {
      copyFileSync(path, join(disk, DATABASE_FILE));
      expect(() => writeFileSync(join(disk, 'filler'), new Uint8Array(2 << 20))).toThrow(/ENOSPC/);
      await expect(openSqliteStore(disk, 0)).rejects.toThrow(/make room|can't read the state/);
      expect(existsSync(join(disk, `${DATABASE_FILE}.before-v${migrations.length}`))).toBe(false);
      rmSync(join(disk, 'filler'));
      await (await openSqliteStore(disk, 0))[Symbol.asyncDispose]();
    } finally {
      execFileSync('umount', ['-l', disk]);
    }
  });
});
