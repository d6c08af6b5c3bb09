/** The version is that of package.json and has the shape that tools parse. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { longVersion, VERSION } from './version.ts';

test('the version is that of package.json', () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect(VERSION).toBe(version);
});

test('a known commit is added as tools expect it', () => {
  expect(longVersion('0123456789abcdef')).toBe(`${VERSION}-t012345678`);
  expect(longVersion()).toBe(VERSION);
  expect(longVersion('not a commit')).toBe(VERSION);
});
