/** One daemon per state file: a lock that the kernel drops with the process, however it ends. */
import { constants, type FileHandle, open } from 'node:fs/promises';
import { RhumbError } from '#shared/errors.ts';

/** flock(LOCK_EX | LOCK_NB): true when the lock is ours, false when another open file holds it. */
export type TryLock = (fd: number) => boolean;

/**
 * Locks `<state file>.lock` until disposed. The file stays: removing it would let a third process lock a new file of
 * the same name while a second still holds the old one. Its content, the pid, is only for the message.
 */
export async function lockState(statePath: string, pid: number, tryLock: TryLock): Promise<AsyncDisposable> {
  const path = `${statePath}.lock`;
  const file = await openLock(path);
  try {
    if (!tryLock(file.fd)) throw new RhumbError('conflict', await inUse(file, statePath));
    await file.truncate(0);
    await file.write(`${pid}\n`);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { [Symbol.asyncDispose]: () => file.close() };
}

/** Never through a link: in a folder that others can write it could lead to any file, which would be emptied. */
async function openLock(path: string): Promise<FileHandle> {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
  try {
    return await open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ELOOP')
      throw new RhumbError('conflict', `state lock ${path} is a symbolic link: remove it`, { cause: error });
    throw error;
  }
}

async function inUse(file: FileHandle, statePath: string): Promise<string> {
  const buffer = Buffer.alloc(16);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
  const pid = /^(\d{1,10})\n/.exec(buffer.toString('latin1', 0, bytesRead))?.[1];
  const owner = pid === undefined ? 'another rhumbd' : `pid ${pid}`;
  return `state ${statePath} in use by ${owner}: stop that daemon first, or give this one its own --statedir and --socket`;
}
