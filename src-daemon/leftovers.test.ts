/** Files that a crash left go; those of a daemon next door stay. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newPrefs, type Prefs } from '#shared/localapi/prefs.ts';
import { silent } from '#shared/log/log.ts';
import { closeEarly, mapCachePath, routerRecordPath, sweepTemporary } from './leftovers.ts';

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

test.each<{ what: string; prefs: Partial<Prefs>; found?: boolean; closes: boolean }>([
  { what: 'wants an exit node', prefs: { ExitNodeID: 'n1' }, closes: true },
  { what: 'wants one that is not known yet', prefs: { ExitNodeIP: '100.64.0.8' }, closes: true },
  { what: 'finds it closed', prefs: { ExitNodeID: 'n1' }, found: true, closes: false },
  { what: 'wants none', prefs: {}, closes: false },
  { what: 'is down', prefs: { ExitNodeID: 'n1', WantRunning: false }, closes: false },
  { what: 'leaves the firewall alone', prefs: { ExitNodeID: 'n1', NetfilterMode: 0 }, closes: false },
])('a daemon that $what closes the way before anything else: $closes', async (the) => {
  const set: string[] = [];
  const firewall = {
    hasKillSwitch: async () => the.found === true,
    setKillSwitch: async (_: unknown, __: unknown, tunName: string) => void set.push(tunName),
  };
  await closeEarly({ tun: 'rhumb0' }, { ...newPrefs(), WantRunning: true, ...the.prefs }, firewall, silent);
  expect(set).toEqual(the.closes ? ['rhumb0'] : []);
});
