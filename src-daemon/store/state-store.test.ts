/** State on disk: what was acknowledged is there after a kill, and a damaged file is never touched. */
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { decodeState, encodeState } from './codec.ts';
import { chooseDiscoKey } from './disco-key.ts';
import { FileStore, memoryStore } from './state-store.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : new TextDecoder().decode(value);
const ignore = (): void => undefined;

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rhumb-store-'));
  path = join(dir, 'state', 'rhumbd.state');
});
afterEach(() => rm(dir, { recursive: true }));

test('a new store makes its folder for the owner alone, and its file too', async () => {
  const store = await FileStore.open(path, ignore);
  expect(store.get('_machinekey')).toBeUndefined();
  await store.set('_machinekey', bytes('privkey:00'));
  expect((await stat(join(dir, 'state'))).mode & 0o777).toBe(0o700);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('the file is one JSON object from key to base64', async () => {
  const store = await FileStore.open(path, ignore);
  await store.set('b', bytes('two'));
  await store.set('a', bytes('one'));
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ a: 'b25l', b: 'dHdv' });
});

test('a resolved write is what the next start reads', async () => {
  const store = await FileStore.open(path, ignore);
  await store.set('k', bytes('1'));
  expect(text((await FileStore.open(path, ignore)).get('k'))).toBe('1');
  await store.update(
    new Map([
      ['k', undefined],
      ['l', bytes('2')],
    ]),
  );
  const again = await FileStore.open(path, ignore);
  expect([text(again.get('k')), text(again.get('l'))]).toEqual([undefined, '2']);
});

test('a burst is two writes, and every promise means its own value', async () => {
  let writes = 0;
  const store = await FileStore.open(path, () => {
    writes++;
  });
  await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      await store.set(`k${i}`, bytes(String(i)));
      expect(text((await FileStore.open(path, ignore)).get(`k${i}`))).toBe(String(i));
    }),
  );
  expect(writes).toBe(1);
  await Promise.all([store.set('x', bytes('1')), store.flush()]);
  expect(writes).toBe(2);
});

test('a caller that changes its bytes afterwards changes nothing here', async () => {
  const store = await FileStore.open(path, ignore);
  const value = bytes('abc');
  await store.set('k', value);
  value.fill(0);
  expect(text(store.get('k'))).toBe('abc');
});

test('a state file cut anywhere gives one clear error and stays as it is', async () => {
  const store = await FileStore.open(path, ignore);
  await store.update(
    new Map([
      ['_machinekey', bytes('x'.repeat(40))],
      ['profile-1', bytes('y'.repeat(40))],
    ]),
  );
  const whole = await readFile(path, 'utf8');
  for (let length = 0; length < whole.trimEnd().length; length += 7) {
    await writeFile(path, whole.slice(0, length));
    await expect(FileStore.open(path, ignore)).rejects.toThrow(/damaged or cut short, and was left as it is/);
    expect(await readFile(path, 'utf8')).toBe(whole.slice(0, length));
  }
  expect(await readdir(join(dir, 'state'))).toEqual(['rhumbd.state']);
});

test.each(['[]', '"x"', 'null', '{"a":1}', '{"a":"not base64!"}', '{"a":"YQ"}', '{"a":{}}'])(
  '%s is not a state file',
  (content) => {
    expect(decodeState(content)).toBeUndefined();
  },
);

test('every state survives encoding', () => {
  const key = fc.string({ minLength: 1, maxLength: 20 }).filter((name) => !name.startsWith('__'));
  fc.assert(
    fc.property(fc.dictionary(key, fc.uint8Array()), (values) => {
      const map = new Map(Object.entries(values));
      expect(decodeState(encodeState(map))).toEqual(map);
    }),
  );
});

test('a folder in place of the file, and a file too large, are refused', async () => {
  await expect(FileStore.open(dir, ignore)).rejects.toThrow('not a regular file');
  const big = join(dir, 'big');
  await writeFile(big, Buffer.alloc(17 * 1024 * 1024));
  await expect(FileStore.open(big, ignore)).rejects.toThrow('too large to be ours');
});

test('a write that fails is told, keeps the value, and the next one tries again', async () => {
  const told: unknown[] = [];
  const store = await FileStore.open(path, (error) => told.push(error));
  await rm(join(dir, 'state'), { recursive: true });
  await expect(store.set('k', bytes('1'))).rejects.toThrow(/write state file/);
  expect(told[0]).toBeInstanceOf(Error);
  await (await import('node:fs/promises')).mkdir(join(dir, 'state'));
  await chmod(join(dir, 'state'), 0o700);
  await store.set('l', bytes('2'));
  expect(told[1]).toBeUndefined();
  const again = await FileStore.open(path, ignore);
  expect([text(again.get('k')), text(again.get('l'))]).toEqual(['1', '2']);
});

test('the disco key is new at each start, but that of the map that is used', async () => {
  const store = memoryStore();
  const first = await chooseDiscoKey(store, false, generatePrivate);
  expect(first.isKept).toBe(false);
  expect(await chooseDiscoKey(store, true, generatePrivate)).toEqual({ key: first.key, isKept: true });
  expect((await chooseDiscoKey(store, false, generatePrivate)).key).not.toEqual(first.key);
  await store.set('_discokey', bytes('garbage'));
  expect((await chooseDiscoKey(store, true, generatePrivate)).isKept).toBe(false);
});

test('a disco key that can not be stored is used all the same: only a restart without the server would miss it', async () => {
  const store = { ...memoryStore(), set: () => Promise.reject(new Error('no space left on device')) };
  const key = generatePrivate();
  expect(await chooseDiscoKey(store, false, () => key)).toEqual({ key, isKept: false });
});
