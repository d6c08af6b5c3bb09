/** The programs of a checkout that was not set up say so, whatever Node the system has. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const checkout = mkdtempSync(join(tmpdir(), 'rhumb-bin-'));
cpSync(join(import.meta.dirname, '../bin'), join(checkout, 'bin'), { recursive: true });
afterAll(() => rmSync(checkout, { recursive: true, force: true }));

/** A folder for PATH with a Node that claims to be `version`. */
function nodeOf(version: number): string {
  const folder = join(checkout, `node-${version}`);
  mkdirSync(folder);
  writeFileSync(join(folder, 'node'), `#!/bin/sh\necho ${version}\n`);
  chmodSync(join(folder, 'node'), 0o755);
  return folder;
}

const old = nodeOf(20);
const recent = nodeOf(24);

test.each(['rhumb', 'rhumbd', 'rhumb-control'])('%s asks for the set-up in one line', (program) => {
  // Too old, and new enough but without the packages.
  for (const folder of [undefined, old, recent]) {
    const PATH = [...(folder === undefined ? [] : [folder]), '/usr/bin', '/bin'].join(':');
    const { status, stdout, stderr } = spawnSync(join(checkout, 'bin', program), ['version'], {
      encoding: 'utf8',
      env: { PATH },
    });
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(new RegExp(`^${program}: not set up yet: run 'npm run setup' in .* first\n$`));
  }
});
