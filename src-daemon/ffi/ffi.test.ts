/** Peer credentials of a unix socket, and reading a descriptor through the event loop. */
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { closeFd, readFd } from './fd.ts';
import { libc } from './libc.ts';
import { openUdp, peerCredentials, SOCKADDR_IN_BYTES, SOCKADDR_IN6_BYTES, UCRED_BYTES } from './sockets.ts';
import { IFREQ_BYTES, setInterfaceMtu } from './tun-device.ts';

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

// sizeof of a C program with <net/if.h>, <sys/socket.h> and <netinet/in.h> on x86-64; the generic ABI has no other.
test.each([
  { name: 'struct ifreq', ours: IFREQ_BYTES, theirs: 40 },
  { name: 'struct ucred', ours: UCRED_BYTES, theirs: 12 },
  { name: 'struct sockaddr_in', ours: SOCKADDR_IN_BYTES, theirs: 16 },
  { name: 'struct sockaddr_in6', ours: SOCKADDR_IN6_BYTES, theirs: 28 },
])('$name has the size that C gives it', ({ ours, theirs }) => {
  expect(ours).toBe(theirs);
});

test.runIf(onLinux)('an interface that is not there has no MTU to set', () => {
  expect(setInterfaceMtu('rhumb-none', 1_280)).toBe('ENODEV');
});

test.runIf(onLinux)('a port that is taken gives the name of the error, and nothing stays open', () => {
  const options = { family: 4, port: 0, mark: undefined, bufferBytes: 65_536 } as const;
  const first = openUdp(options);
  if (!first.ok) throw new Error(first.code);
  // The kernel picked the port; a second socket on it must be refused.
  const port = boundPort(first.fd);
  expect(openUdp({ ...options, port })).toEqual({ ok: false, step: 'bind', code: 'EADDRINUSE' });
  closeFd(first.fd);
  const again = openUdp({ ...options, port });
  expect(again.ok).toBe(true);
  if (again.ok) closeFd(again.fd);
});

// linux/in.h, linux/in6.h: IP_MTU_DISCOVER is 10 of level 0, IPV6_MTU_DISCOVER 23 of level 41; "want" is 1, "probe" 3.
test.runIf(onLinux).each([
  { family: 4, level: 0, name: 10 },
  { family: 6, level: 41, name: 23 },
] as const)(
  'datagrams over IPv$family are not fragmented when that is asked for',
  ({ family, level, name }) => {
    const options = { family, port: 0, mark: undefined, bufferBytes: 65_536 } as const;
    const discovery = [false, true].map((dontFragment) => {
      const opened = openUdp({ ...options, dontFragment });
      if (!opened.ok) throw new Error(opened.code);
      expect(opened.fragmented).toBeUndefined();
      const value = new Uint8Array(4);
      libc().getsockopt(opened.fd, level, name, value, new Uint8Array(Uint32Array.of(4).buffer));
      closeFd(opened.fd);
      return new Uint32Array(value.buffer)[0];
    });
    expect(discovery).toEqual([1, 3]);
  },
);

/** From the kernel's table: the one line of /proc/net/udp whose inode is this descriptor's. */
function boundPort(fd: number): number {
  const inode = /socket:\[(\d+)\]/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  const line = readFileSync('/proc/self/net/udp', 'latin1')
    .split('\n')
    .map((one) => one.trim().split(/\s+/))
    .find((fields) => fields[9] === inode);
  return Number.parseInt(line?.[1]?.split(':')[1] ?? '', 16);
}
