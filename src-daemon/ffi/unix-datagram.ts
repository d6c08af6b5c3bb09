/** A unix socket that sends datagrams to one place (unix(7)); Node has none. */
import { RhumbError } from '#shared/errors.ts';
import { closeFd, writeFd } from './fd.ts';
import { errnoName, isLittleEndian, libc, O_CLOEXEC, O_NONBLOCK, SOCK_DGRAM } from './libc.ts';

const AF_UNIX = 1;
/** struct sockaddr_un: family, then the path; a zero in front of an abstract name, one after a path. */
const FAMILY_BYTES = 2;
export const MAX_UNIX_PATH = 107;

export interface UnixDatagrams extends Disposable {
  /** Name of the error when it did not go; never waits. */
  send(data: Uint8Array): string | undefined;
}

/** `path` as in $NOTIFY_SOCKET: absolute, or with an @ in front for an abstract name. */
export function openUnixDatagrams(path: string): UnixDatagrams {
  const name = Buffer.from(path, 'utf8');
  if (name.length === 0 || name.length > MAX_UNIX_PATH)
    throw new RhumbError('bad-argument', `no path of a socket: ${path}`);
  const isAbstract = path.startsWith('@');
  const address = new Uint8Array(FAMILY_BYTES + name.length + (isAbstract ? 0 : 1));
  new DataView(address.buffer).setUint16(0, AF_UNIX, isLittleEndian());
  address.set(name, FAMILY_BYTES);
  if (isAbstract) address[FAMILY_BYTES] = 0;
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM | O_NONBLOCK | O_CLOEXEC, 0);
  if (fd < 0) throw new RhumbError('unavailable', `open a unix socket: ${errnoName()}`);
  if (libc().connect(fd, address, address.length) < 0) {
    const code = errnoName();
    closeFd(fd);
    throw new RhumbError('unavailable', `connect to ${path}: ${code}`);
  }
  return {
    send: (data) => writeFd(fd, data),
    [Symbol.dispose]: () => closeFd(fd),
  };
}
