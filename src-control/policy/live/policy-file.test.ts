/** The policy as a file: taken over at start and on change, and left alone while it is broken. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { Network } from '../../state/network.ts';
import { openMemoryStore } from '../../store/sqlite.ts';
import { PolicyBook } from './book.ts';
import { PolicyFile } from './policy-file.ts';

const root = mkdtempSync(join(tmpdir(), 'rhumb-policy-file-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

const GOOD = '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}';
let count = 0;

async function setup(text: string | undefined) {
  const stack = new AsyncDisposableStack();
  open.push(stack);
  const path = join(root, `${count++}.hujson`);
  if (text !== undefined) writeFileSync(path, text);
  const clock = new FakeClock();
  const network = stack.use(
    await Network.open({ store: await openMemoryStore(0), clock, log: silent, defer: setImmediate }),
  );
  const book = new PolicyBook({ network, clock, log: silent, serverUrl: 'https://vpn.test', file: path });
  return { path, clock, network, book, file: new PolicyFile(book, path) };
}

test('a good file is in force, and another text is another version', async () => {
  const { book, file, path } = await setup(GOOD);
  await file.open();
  expect(book.active).toMatchObject({ id: 1, text: GOOD, author: 'policy file' });
  await file.reload();
  expect(book.versions).toHaveLength(1);
  writeFileSync(path, '{"acls": []}');
  await file.reload();
  expect(book.versions.map(({ id }) => id)).toEqual([2, 1]);
});

test('a file that breaks changes nothing, and says where it is broken', async () => {
  const { book, file, path } = await setup(GOOD);
  await file.open();
  writeFileSync(path, '{\n  "acls": 7\n}');
  await file.reload();
  expect(book.active?.id).toBe(1);
  expect(book.problem).toContain(`version 1 stays in force: ${path}:2:11: `);
  rmSync(path);
  await file.reload();
  expect(book.problem).toMatch(/ENOENT/);
  writeFileSync(path, GOOD);
  await file.reload();
  expect(book.problem).toBeUndefined();
});

test('without a good file at the very start there is nothing to begin with', async () => {
  for (const text of ['{', undefined, '\uD800'])
    await expect((await setup(text)).file.open()).rejects.toMatchObject({ code: 'bad-argument' });
});

test('a policy that is a file is changed there', async () => {
  const { book, path } = await setup(GOOD);
  const proposal = { text: GOOD, comment: '', ifMatch: undefined, isConfirmed: true };
  await expect(book.set(proposal, { origin: 'cli', id: '', name: 'cli' }, undefined)).rejects.toThrow(
    `the policy is the file ${path}: change it there`,
  );
});

test('a change of the file is seen while the server runs', async () => {
  const { book, file, path, clock, network } = await setup(GOOD);
  await file.open();
  const stop = new AbortController();
  const watching = file.watch(clock, stop.signal);
  const changed = new Promise<void>((resolve) => {
    network.subscribe((changes) => changes.some(({ kind }) => kind === 'policy') && resolve());
  });
  writeFileSync(path, '{"acls": []}');
  await clock.advance(2_000);
  await changed;
  expect(book.active?.text).toBe('{"acls": []}');
  stop.abort();
  await watching;
});
