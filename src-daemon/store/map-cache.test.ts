/** The last map on disk: the newest content wins, and a busy network costs one write a second. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { FileMapCache } from './map-cache.ts';

let dir: string;
let path: string;
let clock: FakeClock;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rhumb-map-'));
  path = join(dir, 'rhumbd.map.json');
  clock = new FakeClock();
});
afterEach(() => rm(dir, { recursive: true }));

test('the first map is written at once, the following together a second later', async () => {
  const cache = new FileMapCache(path, clock, silent);
  const encoded: number[] = [];
  const put = (n: number): void =>
    cache.put(() => {
      encoded.push(n);
      return `map ${n}`;
    });
  put(1);
  await clock.advance(0);
  for (let n = 2; n < 100; n++) put(n);
  await clock.advance(1_000);
  await cache.flush();
  expect(encoded).toEqual([1, 99]);
  expect(await cache.read()).toBe('map 99');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('what waits is written by flush, and forgotten by clear', async () => {
  const cache = new FileMapCache(path, clock, silent);
  cache.put(() => 'a');
  await cache.flush();
  cache.put(() => 'b');
  await cache.flush();
  expect(await readFile(path, 'utf8')).toBe('b');
  cache.put(() => 'c');
  await cache.clear();
  await clock.advance(10_000);
  expect(await cache.read()).toBeUndefined();
  expect(clock.pending).toBe(0);
});

test('a folder that is gone costs the cache and nothing else', async () => {
  const cache = new FileMapCache(join(dir, 'gone', 'map'), clock, silent);
  cache.put(() => 'a');
  await cache.flush();
  expect(await cache.read()).toBeUndefined();
  await writeFile(path, 'x');
});
