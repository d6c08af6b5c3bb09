/** Which crates count as compiled into the native engine. */
import { expect, test } from 'vitest';
import { compiledIn } from './native.ts';

const crate = (name: string, license: string | null = 'MIT'): object => ({
  id: `${name}#1`,
  name,
  version: '1.0.0',
  license,
  manifest_path: `/crates/${name}-1.0.0/Cargo.toml`,
});

const needs = (name: string, ...others: readonly (readonly [string, string | null])[]): object => ({
  id: `${name}#1`,
  deps: others.map(([other, kind]) => ({ pkg: `${other}#1`, dep_kinds: [{ kind }] })),
});

const described = (license: string | null = 'ISC'): unknown => ({
  packages: ['engine', 'ring', 'untrusted', 'cc', 'shlex', 'chacha20', 'cfg-if'].map((name) =>
    crate(name, name === 'untrusted' ? license : 'MIT'),
  ),
  resolve: {
    root: 'engine#1',
    nodes: [
      needs('engine', ['ring', null], ['chacha20', 'dev']),
      needs('ring', ['untrusted', null], ['cfg-if', null], ['cc', 'build']),
      needs('cc', ['shlex', null]),
      needs('chacha20', ['cfg-if', null]),
      ...['untrusted', 'shlex', 'cfg-if'].map((name) => needs(name)),
    ],
  },
});

test('crates of crates are, but not those for tests and for building', () => {
  expect(compiledIn(described())).toEqual([
    { name: 'cfg-if', version: '1.0.0', license: 'MIT', folder: '/crates/cfg-if-1.0.0' },
    { name: 'ring', version: '1.0.0', license: 'MIT', folder: '/crates/ring-1.0.0' },
    { name: 'untrusted', version: '1.0.0', license: 'ISC', folder: '/crates/untrusted-1.0.0' },
  ]);
});

test('one without a licence is not packed', () => {
  expect(() => compiledIn(described(null))).toThrow('untrusted 1.0.0 says no licence');
});
