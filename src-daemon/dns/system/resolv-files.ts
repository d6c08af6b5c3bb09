/** /etc/resolv.conf and what was there before us: taken over and given back without a moment in which there is none. */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  linkSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  symlinkSync,
} from 'node:fs';
import { chmod, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
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
  return readNow(path);
}

function readNow(path: string): string | undefined {
  try {
    // Nobody may make us wait for what is no file.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const buffer = Buffer.alloc(MAX_RESOLV_CONF);
      return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, 0));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw refused(`read ${path}`, error);
  }
}

/** Interface for which the file is ours. A link to such a file is somebody else's. */
export async function ownTun({ resolvConf }: ResolvFiles): Promise<string | undefined> {
  return ownTunNow(resolvConf);
}

/** Writes ours; what was there, if it was not ours already, is kept beside it. */
export async function takeOver(files: ResolvFiles, text: string): Promise<void> {
  const { resolvConf } = files;
  const beside = temporary(resolvConf);
  try {
    await finishGivingBack(files);
    await writeFile(beside, text, { flag: 'wx', mode: MODE });
    // Whatever the mask of this process keeps from others.
    await chmod(beside, MODE);
    if (!takePlace(files, beside)) await overwrite(resolvConf, text);
  } catch (error) {
    throw refused(`write ${resolvConf}`, error);
  } finally {
    await rm(beside, { force: true });
  }
}

/** Puts back what was there when the file is ours; true when something changed. */
export async function giveBack(files: ResolvFiles): Promise<boolean> {
  const { resolvConf, backup } = files;
  try {
    for (const path of [resolvConf, backup]) await removeTemporaries(path);
    if (await finishGivingBack(files)) return true;
    const done = leavePlace(files);
    if (done !== 'mounted') return done;
    if (isThere(backup)) {
      await rename(backup, halfBack(files));
      return await finishGivingBack(files);
    }
    await overwrite(resolvConf, '');
    return true;
  } catch (error) {
    throw refused(`restore ${resolvConf}`, error);
  }
}

/**
 * Keeps what is there and puts `beside` in its place; false where the file is mounted by itself. Nothing is awaited from the
 * look to the end: what another program writes in between would be lost.
 */
function takePlace({ resolvConf, backup }: ResolvFiles, beside: string): boolean {
  // Gone for a moment, as between the two halves of another program's writing: what was kept before is better than nothing.
  if (!isThere(resolvConf) && isLinked(beside, resolvConf)) return true;
  if (ownTunNow(resolvConf) === undefined) keep(resolvConf, backup);
  return isMoved(beside, resolvConf);
}

/** Whether something changed. Nothing is awaited, as above. */
function leavePlace({ resolvConf, backup }: ResolvFiles): boolean | 'mounted' {
  const isOurs = ownTunNow(resolvConf) !== undefined;
  const isGone = !isThere(resolvConf);
  if (!isThere(backup)) {
    // There was none before us.
    if (!isOurs) return false;
    return isRemoved(resolvConf) || 'mounted';
  }
  const isTaken = isGone ? isLinked(backup, resolvConf) || isThere(resolvConf) : !isOurs;
  if (!isTaken) return isMoved(backup, resolvConf) || 'mounted';
  // What we kept is there again, or older than what another program has written since.
  rmSync(backup, { force: true });
  return isGone;
}

/** A second name for the same file or link, so that it never lacks the first; a copy where that cannot be. */
function keep(resolvConf: string, backup: string): void {
  const beside = temporary(backup);
  try {
    if (!isLinked(resolvConf, beside)) copy(resolvConf, beside);
    renameSync(beside, backup);
  } catch (error) {
    // Removed at this very moment.
    if (codeOf(error) !== 'ENOENT') throw error;
  } finally {
    rmSync(beside, { force: true });
  }
}

function copy(from: string, to: string): void {
  if (isThere(from, (info) => info.isSymbolicLink())) {
    symlinkSync(readlinkSync(from), to);
    return;
  }
  copyFileSync(from, to, constants.COPYFILE_EXCL);
  chmodSync(to, MODE);
}

/** A second name, where nobody has put anything; false, too, where there can be none. */
function isLinked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch {
    return false;
  }
}

/** False where the file is mounted by itself. */
const isMoved = (from: string, to: string): boolean => isDone(() => renameSync(from, to));
const isRemoved = (path: string): boolean => isDone(() => rmSync(path));

function isDone(step: () => void): boolean {
  try {
    step();
    return true;
  } catch (error) {
    if (isMountPoint(error)) return false;
    throw error;
  }
}

/** What is kept under this name counts, whatever the file says: whoever ended us may have done so between two writes. */
const halfBack = ({ backup }: ResolvFiles): string => `${backup}.giving-back`;

async function finishGivingBack(files: ResolvFiles): Promise<boolean> {
  const text = await readText(halfBack(files));
  if (text === undefined) return false;
  const { resolvConf } = files;
  const isOthers = isThere(resolvConf, (info) => !info.isFile());
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

function isThere(path: string, fits: (info: Stats) => boolean = () => true): boolean {
  try {
    return fits(lstatSync(path));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw refused(`look at ${path}`, error);
  }
}

function ownTunNow(resolvConf: string): string | undefined {
  if (!isThere(resolvConf, (info) => info.isFile())) return undefined;
  const owner = ownerOf(readNow(resolvConf) ?? '');
  return owner.kind === 'rhumbd' ? owner.tunName : undefined;
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
