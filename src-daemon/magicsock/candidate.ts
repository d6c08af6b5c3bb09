/** One address at which a peer may be reached, and what our pings to it have shown. */
import { isTailnetIp, parseIp, type SockAddr } from '#shared/ip/address.ts';

export interface Candidate {
  readonly addr: SockAddr;
  /** Listed by the network map. */
  readonly inMap: boolean;
  /** Last accepted ping from there: such an address lives on without the map for a while. */
  readonly heardAtMs: number | undefined;
  /** Transaction of that ping; the same one again is a duplicate. */
  readonly heardTxId: string | undefined;
  /** Our last discovery or heartbeat ping to it. */
  readonly pingedAtMs: number | undefined;
  /** Discovery pings since the last answer. */
  readonly tries: number;
  readonly answeredAtMs: number | undefined;
  readonly latencyMs: number | undefined;
}

export const newCandidate = (addr: SockAddr, inMap: boolean): Candidate => ({
  addr,
  inMap,
  heardAtMs: undefined,
  heardTxId: undefined,
  pingedAtMs: undefined,
  tries: 0,
  answeredAtMs: undefined,
  latencyMs: undefined,
});

/** What probing showed is void: addresses changed under it. */
export const forgotten = (candidate: Candidate): Candidate => ({
  ...newCandidate(candidate.addr, candidate.inMap),
  heardAtMs: candidate.heardAtMs,
  heardTxId: candidate.heardTxId,
});

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
