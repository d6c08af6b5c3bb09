/** One address at which a peer may be reached, and what our pings to it have shown. */
import { formatSockAddr, isTailnetIp, parseIp, type SockAddr } from '#shared/ip/address.ts';
import type { SocketId } from './types.ts';

export interface Candidate {
  readonly addr: SockAddr;
  /** The socket from which it is reached: another one is another way through a NAT. */
  readonly via: SocketId;
  /** Listed by the network map. */
  readonly inMap: boolean;
  /** Listed by the peer's latest call-me-maybe. */
  readonly inCall: boolean;
  /** Last accepted ping from there: such an address lives on without the map for a while. */
  readonly heardAtMs: number | undefined;
  /** Pings from there since our last one to it was answered. */
  readonly heardCount: number;
  /** Transaction of that ping; the same one again is a duplicate. */
  readonly heardTxId: string | undefined;
  /** Our last discovery or heartbeat ping to it. */
  readonly pingedAtMs: number | undefined;
  /** Discovery pings since the last answer. */
  readonly tries: number;
  readonly answeredAtMs: number | undefined;
  readonly latencyMs: number | undefined;
  /** Largest IP packet that was answered; 0 = none yet. */
  readonly wireMtu: number;
  /** Under which address the peer saw our ping. */
  readonly seenAs: SockAddr | undefined;
}

export const newCandidate = (addr: SockAddr, via: SocketId = 0): Candidate => ({
  addr,
  via,
  inMap: false,
  inCall: false,
  heardAtMs: undefined,
  heardCount: 0,
  heardTxId: undefined,
  pingedAtMs: undefined,
  tries: 0,
  answeredAtMs: undefined,
  latencyMs: undefined,
  wireMtu: 0,
  seenAs: undefined,
});

/** What probing showed is void: addresses changed under it. */
export const forgotten = (candidate: Candidate): Candidate => ({
  ...newCandidate(candidate.addr, candidate.via),
  inMap: candidate.inMap,
  inCall: candidate.inCall,
  heardAtMs: candidate.heardAtMs,
  heardCount: candidate.heardCount,
  heardTxId: candidate.heardTxId,
});

export const keyOf = (addr: SockAddr, via: SocketId = 0): string =>
  via === 0 ? formatSockAddr(addr) : `${formatSockAddr(addr)} via ${via}`;

/**
 * Whether a datagram may be sent there for a peer. Tailnet addresses would lead back into our own tunnel, link-local
 * IPv6 ones mean nothing without an interface, and the rest are no single host.
 */
export function isUsable(addr: SockAddr): boolean {
  const ip = parseIp(addr.ip);
  if (ip === undefined || addr.port === 0 || isTailnetIp(ip)) return false;
  const first = ip[0] as number;
  const second = ip[1] as number;
  // 0.0.0.0/8 is "this network"; 224.0.0.0/4 multicast; 240.0.0.0/4 reserved, with broadcast at its end.
  if (ip.length === 4) return first !== 0 && first < 224;
  const isUnspecified = ip.every((byte) => byte === 0);
  const isLinkLocal = first === 0xfe && (second & 0xc0) === 0x80;
  return !isUnspecified && first !== 0xff && !isLinkLocal;
}

export function isLoopback(addr: SockAddr): boolean {
  const ip = parseIp(addr.ip);
  if (ip === undefined) return false;
  return ip.length === 4 ? ip[0] === 127 : ip.every((byte, i) => byte === (i === 15 ? 1 : 0));
}

/** An IPv4 address that others than the neighbours can mean: neither private, nor link-local, nor a carrier's (RFC 6598). */
export function isPublic4(addr: SockAddr): boolean {
  const ip = parseIp(addr.ip);
  if (ip?.length !== 4 || !isUsable(addr) || isLoopback(addr)) return false;
  const [a = 0, b = 0] = ip;
  const isPrivate = a === 10 || (a === 172 && (b & 0xf0) === 16) || (a === 192 && b === 168);
  return !isPrivate && !(a === 169 && b === 254) && !(a === 100 && (b & 0xc0) === 64);
}
