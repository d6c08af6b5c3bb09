/** TCP sockets with options that Node cannot set: opened here, connected without blocking, handed over as a descriptor. */
import koffi from 'koffi';
import { parseIp } from '#shared/ip/address.ts';
import { closeFd } from './fd.ts';
import { AF_INET, AF_INET6, errnoName, libc, O_CLOEXEC, O_NONBLOCK, SOL_SOCKET } from './libc.ts';
import { applyEscape, type Escape, sockaddr } from './sockets.ts';

/** bits/socket.h, asm-generic/socket.h */
const SOCK_STREAM = 1;
const SO_ERROR = 4;

export interface TcpTarget {
  /** An address; of IPv6 with `%zone` when it is link-local. */
  readonly ip: string;
  readonly port: number;
  /** An address of ours to connect from. */
  readonly from?: string | undefined;
  readonly wayOut: Escape;
}

/** What was asked of the kernel when it refused. */
export interface TcpRefused {
  readonly ok: false;
  readonly syscall: 'socket' | 'bind' | 'connect';
  /** As the kernel numbers it. */
  readonly errno: number;
}

/** A descriptor that the caller owns. It is connected once it can be written to and `pendingError` is 0. */
export type TcpBegun =
  | {
      readonly ok: true;
      readonly fd: number;
      /** Name of the error when it could not be kept out of the tunnel. */
      readonly inside: string | undefined;
    }
  | TcpRefused;

export function beginConnect({ ip, port, from, wayOut }: TcpTarget): TcpBegun {
  const family = parseIp(ip.replace(/%.*$/, ''))?.length === 4 ? AF_INET : AF_INET6;
  const c = libc();
  const fd = c.socket(family, SOCK_STREAM | O_NONBLOCK | O_CLOEXEC, 0);
  if (fd < 0) return { ok: false, syscall: 'socket', errno: koffi.errno() };
  const refuse = (syscall: TcpRefused['syscall']): TcpRefused => {
    const errno = koffi.errno();
    closeFd(fd);
    return { ok: false, syscall, errno };
  };
  const inside = applyEscape(fd, wayOut);
  if (from !== undefined) {
    const own = sockaddr(from, 0);
    if (c.bind(fd, own, own.length) < 0) return refuse('bind');
  }
  const address = sockaddr(ip, port);
  if (c.connect(fd, address, address.length) < 0 && errnoName() !== 'EINPROGRESS') return refuse('connect');
  return { ok: true, fd, inside };
}

/** The outcome of a connection attempt that has ended, 0 when it is there; reading it clears it (socket(7), SO_ERROR). */
export function pendingError(fd: number): number {
  const value = new Uint8Array(4);
  const length = new Uint8Array(Uint32Array.of(value.length).buffer);
  if (libc().getsockopt(fd, SOL_SOCKET, SO_ERROR, value, length) < 0) return koffi.errno();
  return new Uint32Array(value.buffer)[0] ?? 0;
}
