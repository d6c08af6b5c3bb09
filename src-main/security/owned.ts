/** Whether a path is one that nobody but root can have put there, or put something else in its place (desktop.md §11.3, S19, S20). */
import { lstat, readlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { RhumbError } from '#shared/errors.ts';

export interface Found {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly isSymbolicLink: () => boolean;
  readonly isDirectory: () => boolean;
  readonly isSocket: () => boolean;
}

export interface Looks {
  readonly lstat: (path: string) => Promise<Found>;
  readonly readlink: (path: string) => Promise<string>;
}

export const onDisk: Looks = { lstat, readlink };

const BY_GROUP = 0o020;
const BY_ALL = 0o002;
const STICKY = 0o1000;
const MAX_LINKS = 8;

/** Throws `unavailable` for what is not there. */
export async function lookAt(path: string, looks: Looks): Promise<Found> {
  try {
    return await looks.lstat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') throw refused(`this user may not look at ${path}`);
    throw new RhumbError('unavailable', `${path} is not there`, { cause: error });
  }
}

export const refused = (why: string): RhumbError => new RhumbError('not-allowed', why);

/** Throws `not-allowed` when somebody else owns what was found, or may write to it. */
export function mustBeRoots(path: string, found: Found, trustedGroups: readonly number[] = []): void {
  if (found.uid !== 0) throw refused(`${path} belongs to user ${found.uid}, not to root`);
  const isGroups = (found.mode & BY_GROUP) !== 0 && !trustedGroups.includes(found.gid);
  if (isGroups || (found.mode & BY_ALL) !== 0) throw refused(`other users may write to ${path}`);
}

/**
 * Each folder from `/` down, through links as the kernel follows them: who could rename any of them could put another in its
 * place between our look and our use. In a sticky folder nobody renames what is root's.
 */
export async function mustLieInRootsFolders(
  folder: string,
  looks: Looks,
  trustedGroups: readonly number[] = [],
  links = 0,
): Promise<void> {
  let at = '/';
  for (const name of ['', ...folder.split('/').filter((part) => part !== '')]) {
    const next = join(at, name);
    const found = await lookAt(next, looks);
    if (found.isSymbolicLink()) {
      if (found.uid !== 0) throw refused(`${next} is a link that belongs to user ${found.uid}`);
      if (links >= MAX_LINKS) throw refused(`${next} is one of too many links`);
      const target = resolve(at, await looks.readlink(next));
      await mustLieInRootsFolders(target, looks, trustedGroups, links + 1);
      at = target;
    } else {
      if ((found.mode & STICKY) === 0) mustBeRoots(next, found, trustedGroups);
      else if (found.uid !== 0) throw refused(`${next} belongs to user ${found.uid}, not to root`);
      at = next;
    }
  }
}
