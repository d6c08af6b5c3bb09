/** Listening on a unix socket: a stale file is replaced, a live one is left alone (localapi-and-daemon.md §1.2). */
import { chmod, constants, lstat, mkdir, open, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { RhumbError } from '#shared/errors.ts';

const DIAL_TIMEOUT_MS = 2_000;
/** sun_path on Linux, with its final zero. */
const MAX_PATH_BYTES = 107;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Whether a process answers at the path. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (alive: boolean): void => {
      socket.destroy();
      resolve(alive);
    };
    socket.setTimeout(DIAL_TIMEOUT_MS, () => finish(true)); // accepted or queued: somebody holds it
    socket.once('connect', () => finish(true));
    // EACCES and EAGAIN also mean a living owner; only these two mean that nobody listens.
    socket.once('error', (error) => finish(codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ECONNREFUSED'));
  });
}

/** Refuses while another process listens there; a file that a crash left is removed. */
export async function claimSocket(path: string): Promise<void> {
  let info: Awaited<ReturnType<typeof lstat>>;
  try {
    info = await lstat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if (!info.isSocket())
    throw new RhumbError(
      'conflict',
      `listen on ${path}: a file that is not a socket is there; give another --socket`,
    );
  if (await answers(path))
    throw new RhumbError(
      'conflict',
      `listen on ${path}: already in use by another daemon; stop it or give another --socket`,
    );
  await unlink(path);
}

/** fcntl.h: names a file without opening it. Node's constants lack it. */
const O_PATH = 0o10000000;

/**
 * chmod(2) follows links, so whoever owns the folder could swap the socket for one and have any file of root's opened to
 * everyone. On Linux the file is therefore held first, looked at, and changed through what is held.
 */
async function chmodSocket(path: string, mode: number): Promise<void> {
  if (process.platform !== 'linux') {
    await chmod(path, mode);
    return;
  }
  const held = await open(path, O_PATH | constants.O_NOFOLLOW);
  try {
    if (!(await held.stat()).isSocket())
      throw new RhumbError(
        'conflict',
        `listen on ${path}: another program put a file there; choose a folder that only root can write with --socket`,
      );
    await chmod(`/proc/self/fd/${held.fd}`, mode);
  } finally {
    await held.close();
  }
}

/** A socket for everyone in a folder that only its owner may enter would be for nobody else, whatever the mask of this process. */
async function makeFolder(folder: string, socketMode: number): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o755 });
  if (made !== undefined && (socketMode & 0o006) !== 0) await chmod(folder, 0o755);
}

/** `mode` 0666 only where every connection's credentials are checked. */
export async function listenUnix(server: Server, path: string, mode: number): Promise<void> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw new RhumbError('bad-argument', `socket path ${path} is too long: at most ${MAX_PATH_BYTES} bytes`);
  try {
    await makeFolder(dirname(path), mode);
    await claimSocket(path);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
    });
    await chmodSocket(path, mode);
  } catch (error) {
    if (error instanceof RhumbError) throw error;
    const code = codeOf(error);
    if (code === 'EADDRINUSE')
      throw new RhumbError('conflict', `listen on ${path}: already in use; give another --socket`, {
        cause: error,
      });
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      throw new RhumbError(
        'not-allowed',
        `listen on ${path}: no permission; run rhumbd as root or give another --socket`,
        {
          cause: error,
        },
      );
    throw new RhumbError(
      'unavailable',
      `listen on ${path}: ${error instanceof Error ? error.message : code}`,
      { cause: error },
    );
  }
}
