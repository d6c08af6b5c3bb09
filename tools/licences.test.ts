/** Dependencies have licences that we may combine with ours. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { forbiddenLicences } from './licences.ts';

const lock = (packages: object): string =>
  JSON.stringify({ packages: { '': { version: '1.0.0' }, ...packages } });

test('every dependency in the lock file has an allowed licence', () => {
  const path = join(import.meta.dirname, '../package-lock.json');
  expect(forbiddenLicences(readFileSync(path, 'utf8'))).toEqual([]);
});

test.each([
  { name: 'an allowed one', entry: { version: '1.2.3', license: 'MIT' }, want: [] },
  {
    name: 'a choice with an allowed one',
    entry: { version: '1.2.3', license: '(GPL-3.0 OR MIT)' },
    want: [],
  },
  {
    name: 'both of two',
    entry: { version: '1.2.3', license: 'MIT AND GPL-3.0' },
    want: ['a 1.2.3: MIT AND GPL-3.0'],
  },
  { name: 'none at all', entry: { version: '1.2.3' }, want: ['a 1.2.3: says no licence'] },
  {
    name: 'MPL where users get it',
    entry: { version: '1.2.3', license: 'MPL-2.0' },
    want: ['a 1.2.3: MPL-2.0'],
  },
  { name: 'MPL in a tool', entry: { version: '1.2.3', license: 'MPL-2.0', dev: true }, want: [] },
])('judges $name', ({ entry, want }) => {
  expect(forbiddenLicences(lock({ 'node_modules/b/node_modules/a': entry }))).toEqual(want);
});
