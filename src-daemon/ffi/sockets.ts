/** Sockets: who is at the other end, and UDP with options that Node cannot set (unix(7), socket(7), ipv6(7)). */
import { networkInterfaces } from 'node:os';
import { utf8 } from '#shared/bytes/bytes.ts';
import { RhumbError } from '#shared/errors.ts';
import { parseIp } from '#shared/ip/address.ts';
import {
  AF_INET,
  AF_INET6,
  errnoName,
  isLittleEndian,
  libc,
  O_CLOEXEC,
  O_NONBLOCK,
  SOCK_DGRAM,
  SOL_SOCKET,
} from './libc.ts';

/** asm-generic/socket.h, netinet/in.h */
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_PEERCRED = 17;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;
const SO_MARK = 36;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** linux/in.h, linux/in6.h; the values are the same for both families (ip(7), ipv6(7)). */
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IPV6_MTU_DISCOVER = 23;
const PMTUDISC_PROBE = 3;
export const SOCKADDR_IN_BYTES = 16;
export const SOCKADDR_IN6_BYTES = 28;
/** struct ucred: pid, uid, gid. */
export const UCRED_BYTES = 12;

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Who is at the other end of a connected unix socket (unix(7), SO_PEERCRED); undefined when the kernel won't say. */
export function peerCredentials(fd: number): PeerCredentials | undefined {
  const value = new Uint8Array(UCRED_BYTES);
  const length = new Uint8Array(Uint32Array.of(UCRED_BYTES).buffer);
  if (libc().getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) < 0) return undefined;
  const view = new DataView(value.buffer);
  const little = isLittleEndian();
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
      /** Name of the error, when don't-fragment was wanted and could not be set. */
      readonly fragmented: string | undefined;
    }
  | { readonly ok: false; readonly step: 'socket' | 'bind'; readonly code: string };

/** What keeps a socket out of the tunnel: a mark for the policy rules, the interface it must use, or nothing. */
export type Escape =
  | { readonly kind: 'mark'; readonly mark: number }
  | { readonly kind: 'device'; readonly name: string }
  | { readonly kind: 'none' };

/** Undefined when the kernel agreed, else the name of the error (socket(7), SO_MARK, SO_BINDTODEVICE). */
export function applyEscape(fd: number, wayOut: Escape): string | undefined {
  switch (wayOut.kind) {
    case 'mark':
      return setOption(fd, SOL_SOCKET, SO_MARK, wayOut.mark);
    case 'device': {
      const name = utf8(`${wayOut.name}\0`);
      return libc().setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) < 0
        ? errnoName()
        : undefined;
    }
    case 'none':
      return undefined;
    default:
      return wayOut satisfies never;
  }
}

export type LocalUdpOpen =
  | { readonly ok: true; readonly fd: number; readonly inside: string | undefined }
  | { readonly ok: false; readonly step: 'socket' | 'bind'; readonly code: string };

/** A non-blocking UDP socket on one address, or on all of a family; `shared` lets other programs have the port as well. */
export function openLocalUdp(options: {
  readonly family: 4 | 6;
  readonly ip?: string | undefined;
  readonly port: number;
  readonly shared: boolean;
  readonly wayOut: Escape;
}): LocalUdpOpen {
  const { family, ip, port, shared, wayOut } = options;
  const c = libc();
  const fd = c.socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM | O_NONBLOCK | O_CLOEXEC, 0);
  if (fd < 0) return { ok: false, step: 'socket', code: errnoName() };
  if (family === 6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (shared) setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  const inside = applyEscape(fd, wayOut);
  const address = ip === undefined ? anyAddress(family, port) : sockaddr(ip, port);
  if (c.bind(fd, address, address.length) < 0) {
    const code = errnoName();
    c.close(fd);
    return { ok: false, step: 'bind', code };
  }
  return { ok: true, fd, inside };
}

/** A non-blocking UDP socket of one family on all addresses, with options that Node cannot set (socket(7), ipv6(7)). */
export function openUdp(options: {
  readonly family: 4 | 6;
  readonly port: number;
  readonly mark: number | undefined;
  readonly bufferBytes: number;
  readonly dontFragment?: boolean | undefined;
}): UdpOpen {
  const { family, port, mark, bufferBytes, dontFragment } = options;
  const c = libc();
  const fd = c.socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM | O_NONBLOCK | O_CLOEXEC, 0);
  if (fd < 0) return { ok: false, step: 'socket', code: errnoName() };
  if (family === 6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  const unmarked = mark === undefined ? undefined : setOption(fd, SOL_SOCKET, SO_MARK, mark);
  const smallBuffers = enlarge(fd, bufferBytes);
  const fragmented = dontFragment === true ? setDontFragment(fd, family) : undefined;
  const address = anyAddress(family, port);
  if (c.bind(fd, address, address.length) < 0) {
    const code = errnoName();
    c.close(fd);
    return { ok: false, step: 'bind', code };
  }
  return { ok: true, fd, unmarked, smallBuffers, fragmented };
}

function setOption(fd: number, level: number, name: number, value: number): string | undefined {
  const bytes = new Uint8Array(Uint32Array.of(value).buffer);
  return libc().setsockopt(fd, level, name, bytes, bytes.length) < 0 ? errnoName() : undefined;
}

/**
 * "Probe" rather than "do": it sets don't-fragment too, but the kernel's idea of the path, which anybody can shrink with
 * a forged ICMP message, does not keep probes from leaving.
 */
const setDontFragment = (fd: number, family: 4 | 6): string | undefined =>
  family === 4
    ? setOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE)
    : setOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_PROBE);

/** Both buffers; the name of the error when more than the limits was refused. */
export function enlarge(fd: number, bytes: number): string | undefined {
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
  view.setUint16(0, family === 4 ? AF_INET : AF_INET6, isLittleEndian());
  view.setUint16(2, port);
  return address;
}

const SOCKADDR_IN6_ADDRESS = 8;
const SOCKADDR_IN6_SCOPE = 24;

/** struct sockaddr_in or sockaddr_in6 of an address as text; a zone is an interface's name or number (RFC 4007 §11). */
export function sockaddr(text: string, port: number): Uint8Array {
  const [bare = '', zone] = text.split('%', 2);
  const ip = parseIp(bare);
  if (ip === undefined) throw new RhumbError('bad-argument', `${text} is no IP address`);
  const address = anyAddress(ip.length === 4 ? 4 : 6, port);
  if (ip.length === 4) address.set(ip, 4);
  else {
    address.set(ip, SOCKADDR_IN6_ADDRESS);
    new DataView(address.buffer).setUint32(SOCKADDR_IN6_SCOPE, zoneIndex(zone), isLittleEndian());
  }
  return address;
}

function zoneIndex(zone: string | undefined): number {
  if (zone === undefined) return 0;
  if (/^\d{1,9}$/.test(zone)) return Number(zone);
  return networkInterfaces()[zone]?.find(({ scopeid }) => scopeid)?.scopeid ?? 0;
}

/** Whether the kernel lets this process mark its sockets. */
export function canMark(mark: number): boolean {
  const fd = libc().socket(AF_INET, SOCK_DGRAM | O_NONBLOCK | O_CLOEXEC, 0);
  if (fd < 0) return true; // unknown: each socket says so itself
  try {
    return applyEscape(fd, { kind: 'mark', mark }) === undefined;
  } finally {
    libc().close(fd);
  }
}
