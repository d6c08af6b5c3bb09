/** The security list is complete: each line of desktop.md §13 has a test that is named after it, wherever it runs. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const LINES = 22;
/** Those that also have something to prove that only a real Electron can. */
const IN_ELECTRON = [1, 2, 3, 4, 5, 6, 7, 10, 11, 22];

function named(folder: string): Set<number> {
  const found = new Set<number>();
  for (const file of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.test.ts')) continue;
    const text = readFileSync(join(ROOT, folder, file), 'utf8');
    for (const [, line] of text.matchAll(/\b(?:test|describe|inElectron)[^'"`\n]*\(\s*['"`]S(\d+): /g))
      found.add(Number(line));
  }
  return found;
}

test('each line has a test of its name that runs here', () => {
  const found = new Set(
    ['src-main', 'src-daemon/webui', 'e2e/package'].flatMap((folder) => [...named(folder)]),
  );
  expect([...found].sort((a, b) => a - b)).toEqual(Array.from({ length: LINES }, (_, n) => n + 1));
});

test('what only Electron can prove has a test that asks Electron', () => {
  expect([...named('e2e/electron')].sort((a, b) => a - b)).toEqual(IN_ELECTRON);
});
