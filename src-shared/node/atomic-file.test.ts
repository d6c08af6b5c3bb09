/** A file is replaced whole, with its mode, and a failed write leaves nothing behind. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeFileAtomic } from './atomic-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'rhumb-atomic-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('replaces content and keeps nothing else in the folder', async () => {
  const path = join(folder, 'state');
  await writeFileAtomic(path, 'one');
  await writeFileAtomic(path, new TextEncoder().encode('two'));
  expect(readFileSync(path, 'utf8')).toBe('two');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['state']);
});

test('a write that cannot be finished leaves no temporary file', async () => {
  await expect(writeFileAtomic(folder, 'x')).rejects.toThrow();
  await expect(writeFileAtomic(join(folder, 'missing', 'x'), 'x')).rejects.toThrow();
  expect(readdirSync(folder)).toEqual(['state']);
});
