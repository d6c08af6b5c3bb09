/** One daemon per state file. */
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
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

test('a link where the lock should be does not empty the file behind it', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'rhumb-lock-'));
  const [path, victim] = [join(dir, 'rhumbd.state'), join(dir, 'victim')];
  await writeFile(victim, 'precious');
  await symlink(victim, `${path}.lock`);
  await expect(lockState(path, 4_711, () => true)).rejects.toThrow(
    /state lock .*rhumbd\.state\.lock is a symbolic link: remove it/,
  );
  expect(await readFile(victim, 'utf8')).toBe('precious');
  await rm(dir, { recursive: true });
});
