/** The tree keeps to the table of layers, and the check would notice if it did not. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cycles, sources, violations } from './layers.ts';

const root = join(import.meta.dirname, '..');
const fixture = mkdtempSync(join(tmpdir(), 'rhumb-layers-'));
afterAll(() => rmSync(fixture, { recursive: true, force: true }));

test('imports follow the table', () => expect(violations(root)).toEqual([]));

test('the table has no loop', () => expect(cycles()).toEqual([]));

test('planted violations are seen', () => {
  mkdirSync(join(fixture, 'src-shared/bytes'), { recursive: true });
  mkdirSync(join(fixture, 'src-unknown'), { recursive: true });
  writeFileSync(
    join(fixture, 'src-shared/bytes/a.ts'),
    "import { x } from 'node:fs';\nimport type { N } from '../wire/node.ts';\nimport k from 'koffi';\nimport './b.ts';\n",
  );
  writeFileSync(join(fixture, 'src-unknown/a.ts'), '');
  expect(violations(fixture)).toEqual([
    'src-shared/bytes/a.ts -> node',
    'src-shared/bytes/a.ts -> src-shared/wire',
    'src-shared/bytes/a.ts -> koffi',
    'src-unknown/a.ts -> (no rule for its folder)',
  ]);
});

test('every source file says in its first line what it is', () => {
  const silent = sources(root).filter(
    (file) => !/^(#!.*\n)?\/\*\*/.test(readFileSync(join(root, file), 'utf8')),
  );
  expect(silent).toEqual([]);
});

test('no test is focused and none sleeps by chance', () => {
  const focused = sources(root)
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => /\b(?:test|it|describe)\.only\b/.test(readFileSync(join(root, file), 'utf8')));
  expect(focused).toEqual([]);
});

test('randomness outside adapters is handed in', () => {
  const adapters = /(main|node\/|ffi\/|\.test)\.?/;
  const found = sources(root).filter(
    (file) => !adapters.test(file) && /Math\.random/.test(readFileSync(join(root, file), 'utf8')),
  );
  expect(found).toEqual([]);
});
