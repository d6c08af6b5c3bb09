/** A file watched while it comes and goes. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { watchFile } from './watch-file.ts';

test('tells of a file that is not there yet, of its next text and of another in its place, until it is ended', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-watch-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'resolv.conf');
  const changed = vi.fn();
  const end = watchFile(folder, 'resolv.conf', changed);
  for (const change of [
    () => writeFileSync(file, 'first'),
    () => writeFileSync(file, 'second'),
    () => {
      writeFileSync(`${file}.new`, 'third');
      renameSync(`${file}.new`, file);
    },
  ]) {
    changed.mockClear();
    change();
    await vi.waitFor(() => expect(changed).toHaveBeenCalled());
  }
  end();
});
