/** Peer credentials of a unix socket, and reading a descriptor through the event loop. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { peerCredentials, readFd } from './linux.ts';

const onLinux = process.platform === 'linux';
const fdOf = (socket: Socket): number => (socket as unknown as { _handle: { fd: number } })._handle.fd;

test.runIf(onLinux)('names the process at the other end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-ffi-'));
  const server = createServer();
  try {
    const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
    await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve));
    const client = connect(join(folder, 's'));
    const socket = await accepted;
    expect(peerCredentials(fdOf(socket))).toEqual({
      pid: process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    });
    client.destroy();
    socket.destroy();
  } finally {
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  }
});

test.runIf(onLinux)('a descriptor that is none gives the name of the error', () => {
  expect(peerCredentials(-1)).toBeUndefined();
  expect(readFd(-1, new Uint8Array(8))).toBe('EBADF');
});
