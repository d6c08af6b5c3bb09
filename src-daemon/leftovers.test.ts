/** Files that a crash left go; those of a daemon next door stay. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mapCachePath, routerRecordPath, sweepTemporary } from './leftovers.ts';

test('half-written files of this daemon go, those of another in the same folder stay', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'rhumb-left-'));
  const ours = [
    '.a.state.0123456789ab.tmp',
    '.a.map.json.0123456789ab.tmp',
    '.router.rhumb0.json.0123456789ab.tmp',
  ];
  const theirs = [
    '.ab.state.0123456789ab.tmp',
    '.router.rhumb1.json.0123456789ab.tmp',
    '.a.state.notes.tmp',
    'a.state',
  ];
  for (const name of [...ours, ...theirs]) await writeFile(join(dir, name), '');
  const state = join(dir, 'a.state');
  await sweepTemporary([state, mapCachePath(state), routerRecordPath(dir, 'rhumb0')]);
  expect((await readdir(dir)).sort()).toEqual([...theirs].sort());
  await rm(dir, { recursive: true });
});
