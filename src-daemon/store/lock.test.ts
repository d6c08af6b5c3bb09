/** One daemon per state file. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockState } from './lock.ts';

test('the second daemon is told who has the state, and gets it when the first has ended', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'rhumb-lock-'));
  const path = join(dir, 'rhumbd.state');
  const held = new Set<string>();
  const tryLock = (): boolean => {
    if (held.size > 0) return false;
    held.add('lock');
    return true;
  };
  const first = await lockState(path, 4_711, tryLock);
  await expect(lockState(path, 4_712, tryLock)).rejects.toThrow(/in use by pid 4711: stop that daemon first/);
  await first[Symbol.asyncDispose]();
  held.clear();
  const second = await lockState(path, 4_712, tryLock);
  await second[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});
