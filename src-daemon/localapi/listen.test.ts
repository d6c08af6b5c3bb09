/** The socket file: who may connect, and what is never touched, wherever it is. */
import { chmod, lstat, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { claimSocket, listenUnix } from './listen.ts';

async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'rhumb-listen-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
const closed = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

test('everyone may connect', async () => {
  await using dir = await folder();
  const path = join(dir.path, 'rhumbd.sock');
  const server = createServer();
  await listenUnix(server, path, 0o666);
  expect(await modeOf(path)).toBe(0o666);
  await closed(server);
});

/** Whoever owns the folder swaps the socket for a link as soon as it is there. */
class Swapped extends Server {
  readonly #victim: string;

  constructor(victim: string) {
    super();
    this.#victim = victim;
  }

  override listen(...args: unknown[]): this {
    const [path, done] = args as [string, () => void];
    super.listen(path, () => {
      rename(path, `${path}.old`)
        .then(() => symlink(this.#victim, path))
        .then(done, done);
    });
    return this;
  }
}

test('a link put in place of the socket does not open the file behind it to everyone', async () => {
  await using dir = await folder();
  const victim = join(dir.path, 'shadow');
  await writeFile(victim, 'secret');
  await chmod(victim, 0o600);
  const server = new Swapped(victim);
  await expect(listenUnix(server, join(dir.path, 'rhumbd.sock'), 0o666)).rejects.toThrow('put a file there');
  expect(await modeOf(victim)).toBe(0o600);
  await closed(server);
});

test('a link where the socket should be is refused and left alone', async () => {
  await using dir = await folder();
  const [path, victim] = [join(dir.path, 'rhumbd.sock'), join(dir.path, 'victim')];
  await writeFile(victim, 'mine');
  await symlink(victim, path);
  await expect(claimSocket(path)).rejects.toThrow('a file that is not a socket is there');
  expect((await lstat(path)).isSymbolicLink()).toBe(true);
});
