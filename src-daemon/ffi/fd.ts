/** Open descriptors: reading, writing, waiting through the event loop, locking (read(2), poll(2), flock(2)). */
import koffi from 'koffi';
import { RhumbError } from '#shared/errors.ts';
import { errnoName, libc } from './libc.ts';

/** sys/file.h */
const LOCK_EX = 2;
const LOCK_NB = 4;

export function closeFd(fd: number): void {
  libc().close(fd);
}

/** Reads at most `size` bytes into `buffer`: their count, 0 when nothing waits now, or the name of the error. */
export function readFd(fd: number, buffer: Uint8Array, size: number = buffer.length): number | string {
  const count = libc().read(fd, buffer, size);
  if (count >= 0) return count;
  // Ends every drain of a device, so told by number.
  const { errno } = koffi.os;
  const number = koffi.errno();
  return number === errno['EAGAIN'] || number === errno['EINTR'] ? 0 : errnoName();
}

/** Writes the first `size` bytes as one packet; undefined when it went, else the name of the error. */
export function writeFd(fd: number, packet: Uint8Array, size: number = packet.length): string | undefined {
  return libc().write(fd, packet, size) >= 0 ? undefined : errnoName();
}

/** Calls `ready` from the event loop whenever `fd` can be read, until the returned function is called. */
export function watchReadable(fd: number, ready: () => void): () => void {
  const handle = koffi.node.poll(fd, { readable: true }, () => ready());
  return () => {
    handle.stop();
    handle.close();
  };
}

/** Calls `ready` once, when `fd` can be written to or has failed, unless the returned function is called before. */
export function onceWritable(fd: number, ready: () => void): () => void {
  const handle = koffi.node.poll(fd, { writable: true, disconnect: true }, () => {
    stop();
    ready();
  });
  let isOpen = true;
  const stop = (): void => {
    if (!isOpen) return;
    isOpen = false;
    handle.stop();
    handle.close();
  };
  return stop;
}

/**
 * Locks an open file for this process until it is closed or the process ends (flock(2)); false when another open file
 * has the lock.
 */
export function lockFile(fd: number): boolean {
  if (libc().flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const code = errnoName();
  if (code === 'EWOULDBLOCK' || code === 'EAGAIN') return false;
  throw new RhumbError('unavailable', `lock file descriptor ${fd}: ${code}`);
}
