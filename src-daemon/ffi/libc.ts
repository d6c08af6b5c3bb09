/** Every C library call that Node does not offer, declared once (koffi; Linux). */
import koffi from 'koffi';
import { RhumbError } from '#shared/errors.ts';

/** asm-generic/fcntl.h, bits/socket.h */
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOL_SOCKET = 1;

export interface Libc {
  readonly open: (path: string, flags: number) => number;
  readonly close: (fd: number) => number;
  readonly ioctl: (fd: number, request: number, type: string, argument: object) => number;
  readonly read: (fd: number, buffer: Uint8Array, length: number) => number;
  readonly write: (fd: number, buffer: Uint8Array, length: number) => number;
  readonly setsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: number) => number;
  readonly bind: (fd: number, address: Uint8Array, length: number) => number;
  readonly connect: (fd: number, address: Uint8Array, length: number) => number;
  readonly socket: (family: number, type: number, protocol: number) => number;
  readonly clock_gettime: (clock: number, time: Uint8Array) => number;
  readonly timerfd_create: (clock: number, flags: number) => number;
  readonly timerfd_settime: (fd: number, flags: number, spec: Uint8Array, old: null) => number;
  readonly flock: (fd: number, operation: number) => number;
  readonly getsockopt: (
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: Uint8Array,
  ) => number;
}

let loaded: Libc | undefined;

/** Node is linked against the C library, so its symbols are the process's own (glibc and musl alike). */
export function libc(): Libc {
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
    connect: self.func('int connect(int fd, const uint8_t *address, unsigned int length)'),
    socket: self.func('int socket(int family, int type, int protocol)'),
    clock_gettime: self.func('int clock_gettime(int clock, _Out_ uint8_t *time)'),
    timerfd_create: self.func('int timerfd_create(int clock, int flags)'),
    timerfd_settime: self.func('int timerfd_settime(int fd, int flags, const uint8_t *spec, uint8_t *old)'),
    flock: self.func('int flock(int fd, int operation)'),
    getsockopt: self.func(
      'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint8_t *length)',
    ),
  };
  return loaded;
}

/** Names of the error numbers that our callers tell apart; koffi's table has them for this platform. */
export const errnoName = (): string => nameOfErrno(koffi.errno());

export function nameOfErrno(number: number): string {
  const known = koffi.os.errno as Readonly<Record<string, number>>;
  return Object.keys(known).find((name) => known[name] === number) ?? `errno ${number}`;
}

/** True where the machine stores the low byte first. */
export const isLittleEndian = (): boolean => new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
