/** Whether the socket is the system's own daemon, before a word is said to it (desktop.md §11.3). */
import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RhumbError } from '#shared/errors.ts';

export interface Found {
  readonly uid: number;
  readonly mode: number;
  readonly isSymbolicLink: () => boolean;
  readonly isSocket: () => boolean;
}

export type LookAt = (path: string) => Promise<Found>;

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** Throws `not-allowed`, with what was found, for a socket that another user may have put there. */
export async function checkSocketOwner(path: string, look: LookAt = lstat): Promise<void> {
  const folder = dirname(path);
  const [socket, around] = await Promise.all([found(path, look), found(folder, look)]);
  if (socket.isSymbolicLink()) throw refused(`${path} is a link to somewhere else`);
  if (!socket.isSocket()) throw refused(`${path} is no socket`);
  if (socket.uid !== 0) throw refused(`${path} belongs to user ${socket.uid}, not to root`);
  if (around.isSymbolicLink()) throw refused(`${folder} is a link to somewhere else`);
  if (around.uid !== 0) throw refused(`${folder} belongs to user ${around.uid}, not to root`);
  // In a sticky folder nobody replaces what is another's.
  if ((around.mode & WRITABLE_BY_OTHERS) !== 0 && (around.mode & STICKY) === 0)
    throw refused(`other users may write to ${folder}`);
}

async function found(path: string, look: LookAt): Promise<Found> {
  try {
    return await look(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') throw refused(`this user may not look at ${path}`);
    throw new RhumbError('unavailable', `${path} is not there`, { cause: error });
  }
}

const refused = (why: string): RhumbError => new RhumbError('not-allowed', why);
