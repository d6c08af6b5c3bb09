/** The few Linux system calls that Node does not offer, as functions with our own types (koffi). */
import koffi from 'koffi';
import { RhumbError } from '#shared/errors.ts';

/** linux/if_tun.h, linux/if.h, asm-generic/{fcntl,errno-base,socket}.h */
const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** sys/file.h */
const LOCK_EX = 2;
const LOCK_NB = 4;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_MARK = 36;
const SIOCSIFMTU = 0x8922;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
export const SOCKADDR_IN_BYTES = 16;
export const SOCKADDR_IN6_BYTES = 28;
/** struct ifreq: 16 bytes of name, then a union of 24. */
export const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;
/** struct ucred: pid, uid, gid. */
export const UCRED_BYTES = 12;

interface Calls {
  readonly open: (path: string, flags: number) => number;
  readonly close: (fd: number) => number;
  readonly ioctl: (fd: number, request: number, type: string, argument: Uint8Array) => number;
  readonly read: (fd: number, buffer: Uint8Array, length: number) => number;
  readonly write: (fd: number, buffer: Uint8Array, length: number) => number;
  readonly setsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: number) => number;
  readonly bind: (fd: number, address: Uint8Array, length: number) => number;
  readonly socket: (family: number, type: number, protocol: number) => number;
  readonly flock: (fd: number, operation: number) => number;
  readonly getsockopt: (
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: Uint8Array,
  ) => number;
}

let loaded: Calls | undefined;

/** Node is linked against the C library, so its symbols are the process's own (glibc and musl alike). */
function calls(): Calls {
  if (loaded !== undefined) return loaded;
  if (process.platform !== 'linux') throw new RhumbError('unavailable', 'this is not Linux');
  const self = koffi.load(null);
  loaded = {
    open: self.func('int open(const char *path, int flags)'),
    close: self.func('int close(int fd)'),
    ioctl: self.func('int ioctl(int fd, unsigned long request, ...)'),
    read: self.func('intptr_t read(int fd, _Out_ uint8_t *buffer, size_t length)'),
    write: self.func('intptr_t write(int fd, const uint8_t *buffer, size_t length)'),
    setsockopt: self.func(
      'int setsockopt(int fd, int level, int name, const uint8_t *value, unsigned int length)',
    ),
    bind: self.func('int bind(int fd, const uint8_t *address, unsigned int length)'),
    socket: self.func('int socket(int family, int type, int protocol)'),
    flock: self.func('int flock(int fd, int operation)'),
    getsockopt: self.func(
      'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint8_t *length)',
    ),
  };
  return loaded;
}

/** Names of the error numbers that our callers tell apart; koffi's table has them for this platform. */
function errnoName(): string {
  const number = koffi.errno();
  const known = koffi.os.errno as Readonly<Record<string, number>>;
  return Object.keys(known).find((name) => known[name] === number) ?? `errno ${number}`;
}

export type TunOpen =
  | { readonly ok: true; readonly fd: number; readonly name: string }
  | { readonly ok: false; readonly step: 'open' | 'attach'; readonly code: string };

/**
 * Opens a non-blocking, non-persistent TUN without packet information; the kernel removes it with the descriptor. The
 * caller closes `fd` with `closeFd`.
 */
export function openTun(name: string): TunOpen {
  const libc = calls();
  const fd = libc.open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return { ok: false, step: 'open', code: errnoName() };
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(Buffer.from(name, 'latin1').subarray(0, IFNAMSIZ - 1));
  new DataView(request.buffer).setUint16(IFNAMSIZ, IFF_TUN | IFF_NO_PI, endianness());
  if (libc.ioctl(fd, TUNSETIFF, 'uint8_t *', request) < 0) {
    const code = errnoName();
    libc.close(fd);
    return { ok: false, step: 'attach', code };
  }
  const end = request.indexOf(0);
  return { ok: true, fd, name: Buffer.from(request.subarray(0, end)).toString('latin1') };
}

/** True where the machine stores the low byte first. */
const endianness = (): boolean => new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

export function closeFd(fd: number): void {
  calls().close(fd);
}

/** Reads at most `size` bytes into `buffer`: their count, 0 when nothing waits now, or the name of the error. */
export function readFd(fd: number, buffer: Uint8Array, size: number = buffer.length): number | string {
  const count = calls().read(fd, buffer, size);
  if (count >= 0) return count;
  // Ends every drain of a device, so told by number.
  const { errno } = koffi.os;
  const number = koffi.errno();
  return number === errno['EAGAIN'] || number === errno['EINTR'] ? 0 : errnoName();
}

/** Writes the first `size` bytes as one packet; undefined when it went, else the name of the error. */
export function writeFd(fd: number, packet: Uint8Array, size: number = packet.length): string | undefined {
  return calls().write(fd, packet, size) >= 0 ? undefined : errnoName();
}

/** Sets the MTU of an interface of this network namespace; undefined when done, else the name of the error. */
export function setInterfaceMtu(name: string, mtu: number): string | undefined {
  const libc = calls();
  const socket = libc.socket(AF_INET, SOCK_DGRAM | O_CLOEXEC, 0);
  if (socket < 0) return errnoName();
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(Buffer.from(name, 'latin1').subarray(0, IFNAMSIZ - 1));
  new DataView(request.buffer).setInt32(IFNAMSIZ, mtu, endianness());
  const code = libc.ioctl(socket, SIOCSIFMTU, 'uint8_t *', request) < 0 ? errnoName() : undefined;
  libc.close(socket);
  return code;
}

/** Calls `ready` from the event loop whenever `fd` can be read, until the returned function is called. */
export function watchReadable(fd: number, ready: () => void): () => void {
  const handle = koffi.node.poll(fd, { readable: true }, () => ready());
  return () => {
    handle.stop();
    handle.close();
  };
}

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Who is at the other end of a connected unix socket (unix(7), SO_PEERCRED); undefined when the kernel won't say. */
export function peerCredentials(fd: number): PeerCredentials | undefined {
  const value = new Uint8Array(UCRED_BYTES);
  const length = new Uint8Array(Uint32Array.of(UCRED_BYTES).buffer);
  if (calls().getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) < 0) return undefined;
  const view = new DataView(value.buffer);
  const little = endianness();
  return { pid: view.getInt32(0, little), uid: view.getUint32(4, little), gid: view.getUint32(8, little) };
}

/** What `openUdp` made: a bound descriptor that the caller owns, and what the system would not grant. */
export type UdpOpen =
  | {
      readonly ok: true;
      readonly fd: number;
      /** Name of the error, when the mark could not be set (it takes CAP_NET_ADMIN). */
      readonly unmarked: string | undefined;
      /** Name of the error, when buffers beyond net.core.{r,w}mem_max were refused (that takes CAP_NET_ADMIN too). */
      readonly smallBuffers: string | undefined;
    }
  | { readonly ok: false; readonly step: 'socket' | 'bind'; readonly code: string };

/** A non-blocking UDP socket of one family on all addresses, with options that Node cannot set (socket(7), ipv6(7)). */
export function openUdp(options: {
  readonly family: 4 | 6;
  readonly port: number;
  readonly mark: number | undefined;
  readonly bufferBytes: number;
}): UdpOpen {
  const { family, port, mark, bufferBytes } = options;
  const libc = calls();
  const fd = libc.socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM | O_NONBLOCK | O_CLOEXEC, 0);
  if (fd < 0) return { ok: false, step: 'socket', code: errnoName() };
  if (family === 6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  const unmarked = mark === undefined ? undefined : setOption(fd, SOL_SOCKET, SO_MARK, mark);
  const smallBuffers = enlarge(fd, bufferBytes);
  const address = anyAddress(family, port);
  if (libc.bind(fd, address, address.length) < 0) {
    const code = errnoName();
    libc.close(fd);
    return { ok: false, step: 'bind', code };
  }
  return { ok: true, fd, unmarked, smallBuffers };
}

function setOption(fd: number, level: number, name: number, value: number): string | undefined {
  const bytes = new Uint8Array(Uint32Array.of(value).buffer);
  return calls().setsockopt(fd, level, name, bytes, bytes.length) < 0 ? errnoName() : undefined;
}

function enlarge(fd: number, bytes: number): string | undefined {
  const refused =
    setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) ?? setOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes);
  if (refused === undefined) return undefined;
  // Within the limits, then.
  setOption(fd, SOL_SOCKET, SO_RCVBUF, bytes);
  setOption(fd, SOL_SOCKET, SO_SNDBUF, bytes);
  return refused;
}

/** struct sockaddr_in or sockaddr_in6: family in the machine's order, port in the network's, the rest zero. */
function anyAddress(family: 4 | 6, port: number): Uint8Array {
  const address = new Uint8Array(family === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  const view = new DataView(address.buffer);
  view.setUint16(0, family === 4 ? AF_INET : AF_INET6, endianness());
  view.setUint16(2, port);
  return address;
}

/**
 * Locks an open file for this process until it is closed or the process ends (flock(2)); false when another open file
 * has the lock.
 */
export function lockFile(fd: number): boolean {
  if (calls().flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const code = errnoName();
  if (code === 'EWOULDBLOCK' || code === 'EAGAIN') return false;
  throw new RhumbError('unavailable', `lock file descriptor ${fd}: ${code}`);
}
