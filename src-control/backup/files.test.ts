/** Putting a backup back: never without a database in between, never over a running server, and what was there is kept. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, expect, test } from 'vitest';
import { sampleUser } from '../store/sample-records.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { createBackup, restoreBackup } from './files.ts';

const root = mkdtempSync(join(tmpdir(), 'rhumb-restore-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function state(name: string): Promise<{ readonly dir: string; readonly backup: string }> {
  const dir = join(root, name);
  await using store = await openSqliteStore(dir, 0);
  await store.commit([{ put: 'user', value: sampleUser }]);
  const backup = join(root, `${name}.db`);
  await createBackup(store.disk, backup);
  await store.commit([{ put: 'user', value: { ...sampleUser, displayName: 'Later' } }]);
  return { dir, backup };
}

const nameIn = async (dir: string): Promise<string | undefined> => {
  await using store = await openSqliteStore(dir, 0);
  return (await store.load()).tables.user[0]?.displayName;
};

test('a running server keeps its state, and a stopped one gets the backup and loses nothing', async () => {
  const { dir, backup } = await state('one');
  const store = await openSqliteStore(dir, 0);
  await expect(restoreBackup(dir, backup, 0)).rejects.toThrow(/in use by another rhumb-control/);
  await store[Symbol.asyncDispose]();
  const { before } = await restoreBackup(dir, backup, 0);
  expect(await nameIn(dir)).toBe('Alice');
  await restoreBackup(dir, before ?? '', 1_000);
  expect(await nameIn(dir)).toBe('Later');
});

test('there is a database at every moment: a start after a kill must not make a new one', async () => {
  const { dir, backup } = await state('two');
  const path = join(dir, 'control.db');
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const program = `
    const { existsSync } = require('node:fs');
    const { workerData: { path, shared } } = require('node:worker_threads');
    while (Atomics.load(shared, 0) === 0) if (!existsSync(path)) Atomics.add(shared, 1, 1);`;
  const worker = new Worker(program, { eval: true, workerData: { path, shared } });
  await new Promise<void>((resolve) => worker.once('online', resolve));
  for (let n = 0; n < 40; n++) await restoreBackup(dir, backup, n * 1_000);
  Atomics.store(shared, 0, 1);
  await new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  expect(Atomics.load(shared, 1)).toBe(0);
  expect(existsSync(path)).toBe(true);
  expect(readdirSync(dir).filter((name) => name.includes('.replaced-'))).toHaveLength(40);
});
