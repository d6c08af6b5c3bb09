/** /etc/resolv.conf and what was there before us: taken over and given back without a moment in which there is none. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  chmod,
  copyFile,
  link,
  lstat,
  open,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RhumbError } from '#shared/errors.ts';
import { MAX_RESOLV_CONF, ownerOf } from './resolv-conf.ts';

export interface ResolvFiles {
  readonly resolvConf: string;
  readonly backup: string;
}

export const RESOLV_FILES: ResolvFiles = {
  resolvConf: '/etc/resolv.conf',
  backup: '/etc/resolv.pre-rhumb-backup.conf',
};

/** Everybody's programs read it. */
const MODE = 0o644;

/** Undefined = there is none, or it leads nowhere. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const buffer = Buffer.alloc(MAX_RESOLV_CONF);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw refused(`read ${path}`, error);
  }
}

/** Interface for which the file is ours. A link to such a file is somebody else's. */
export async function ownTun({ resolvConf }: ResolvFiles): Promise<string | undefined> {
  if (!(await isThere(resolvConf, (info) => info.isFile()))) return undefined;
  const owner = ownerOf((await readText(resolvConf)) ?? '');
  return owner.kind === 'rhumbd' ? owner.tunName : undefined;
}

/** Writes ours; what was there, if it was not ours already, is kept beside it. */
export async function takeOver(files: ResolvFiles, text: string): Promise<void> {
  const { resolvConf } = files;
  try {
    await finishGivingBack(files);
    if (!(await isThere(resolvConf)) && (await placeFirst(resolvConf, text))) return;
    if ((await ownTun(files)) === undefined) await keep(files);
    await replace(resolvConf, text);
  } catch (error) {
    throw refused(`write ${resolvConf}`, error);
  }
}

/** Puts back what was there when the file is ours; true when something changed. */
export async function giveBack(files: ResolvFiles): Promise<boolean> {
  const { resolvConf, backup } = files;
  try {
    for (const path of [resolvConf, backup]) await removeTemporaries(path);
    if (await finishGivingBack(files)) return true;
    const isOurs = (await ownTun(files)) !== undefined;
    const isGone = !(await isThere(resolvConf));
    if (!(await isThere(backup))) {
      // There was none before us.
      if (isOurs) await removeOrEmpty(resolvConf);
      return isOurs;
    }
    // What another program may write at this moment is newer.
    if (isGone && (await linkFirst(backup, resolvConf))) {
      await rm(backup, { force: true });
      return true;
    }
    if (!isOurs && (await isThere(resolvConf))) {
      // Another program has taken the file since: what we kept is older.
      await rm(backup, { force: true });
      return false;
    }
    await moveBack(files);
    return true;
  } catch (error) {
    throw refused(`restore ${resolvConf}`, error);
  }
}

/** A second name for the same file or link, so that it never lacks the first; a copy where that cannot be. */
async function keep({ resolvConf, backup }: ResolvFiles): Promise<void> {
  // Gone for a moment, as between the two halves of another program's writing: the older one is better than none.
  if (!(await isThere(resolvConf))) return;
  const beside = temporary(backup);
  try {
    await link(resolvConf, beside).catch(() => copy(resolvConf, beside));
    await rename(beside, backup);
  } finally {
    await rm(beside, { force: true });
  }
}

async function copy(from: string, to: string): Promise<void> {
  if (await isThere(from, (info) => info.isSymbolicLink())) {
    await symlink(await readlink(from), to);
    return;
  }
  await copyFile(from, to, constants.COPYFILE_EXCL);
  await chmod(to, MODE);
}

/** False when somebody has put one there meanwhile, which has to be kept first. */
async function placeFirst(path: string, text: string): Promise<boolean> {
  const beside = temporary(path);
  try {
    await write(beside, text);
    return await linkFirst(beside, path);
  } finally {
    await rm(beside, { force: true });
  }
}

/** A second name, where nobody has put anything; false, too, on a file system without such. */
async function linkFirst(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (['EEXIST', 'EPERM', 'ENOTSUP'].includes(codeOf(error))) return false;
    throw error;
  }
}

async function write(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: 'wx', mode: MODE });
  // Whatever the mask of this process keeps from others.
  await chmod(path, MODE);
}

async function replace(path: string, text: string): Promise<void> {
  const beside = temporary(path);
  try {
    await write(beside, text);
    await rename(beside, path);
  } catch (error) {
    if (!isMountPoint(error)) throw error;
    await overwrite(path, text);
  } finally {
    await rm(beside, { force: true });
  }
}

async function moveBack(files: ResolvFiles): Promise<void> {
  const { resolvConf, backup } = files;
  try {
    await rename(backup, resolvConf);
  } catch (error) {
    if (!isMountPoint(error)) throw error;
    await rename(backup, halfBack(files));
    await finishGivingBack(files);
  }
}

/** What is kept under this name counts, whatever the file says: whoever ended us may have done so between two writes. */
const halfBack = ({ backup }: ResolvFiles): string => `${backup}.giving-back`;

async function finishGivingBack(files: ResolvFiles): Promise<boolean> {
  const text = await readText(halfBack(files));
  if (text === undefined) return false;
  const { resolvConf } = files;
  const isOthers = await isThere(resolvConf, (info) => !info.isFile());
  if (!isOthers) await overwrite(resolvConf, text);
  await rm(halfBack(files), { force: true });
  return !isOthers;
}

/** In containers the file is often mounted from outside by itself: then it can be neither renamed nor removed. */
const isMountPoint = (error: unknown): boolean => ['EBUSY', 'EXDEV'].includes(codeOf(error));

/** Never empty in between: a file that says nothing is nobody's, and what was kept would be taken for older. */
async function overwrite(path: string, text: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, MODE);
  try {
    const bytes = Buffer.from(text);
    await file.write(bytes, 0, bytes.length, 0);
    await file.truncate(bytes.length);
  } finally {
    await file.close();
  }
}

async function removeOrEmpty(path: string): Promise<void> {
  try {
    await rm(path);
  } catch (error) {
    if (!isMountPoint(error)) throw error;
    await overwrite(path, '');
  }
}

async function isThere(
  path: string,
  fits: (info: Awaited<ReturnType<typeof lstat>>) => boolean = () => true,
): Promise<boolean> {
  try {
    return fits(await lstat(path));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw refused(`look at ${path}`, error);
  }
}

const temporary = (path: string): string => `${path}.${randomBytes(6).toString('hex')}.tmp`;

/** Of a daemon that was killed. */
async function removeTemporaries(path: string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)];
  for (const found of await readdir(folder))
    if (found.startsWith(`${name}.`) && /^\.[0-9a-f]{12}\.tmp$/.test(found.slice(name.length)))
      await rm(join(folder, found), { force: true });
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

function refused(what: string, error: unknown): RhumbError {
  if (error instanceof RhumbError) return error;
  const code = codeOf(error);
  const why =
    code === 'EACCES' || code === 'EPERM'
      ? 'no permission; run rhumbd as root'
      : code === 'EROFS'
        ? 'the file system is read-only; let rhumbd write there, or leave names alone with rhumb set --accept-dns=false'
        : code || (error instanceof Error ? error.message : String(error));
  return new RhumbError('unavailable', `${what}: ${why}`, { cause: error });
}
