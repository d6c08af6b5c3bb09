/** What the packet filter reads of an inner IP packet: protocol, ports, TCP flags, fragments (data-plane.md §4.8). Hot path. */
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_TSMP } from './inner.ts';

export const PROTOCOL_UDP = 17;
export const PROTOCOL_SCTP = 132;
const PROTOCOL_FRAGMENT = 44;
/** IPv6 headers that come between the addresses and the transport; only fragments are looked behind. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 50, 51, 60, 135, 139, 140, 253, 254]);

/** A fragment that begins sooner could overwrite the transport header of the first one. */
const MIN_FRAGMENT_OFFSET = 80;
const V4_HEADER = 20;
const V6_HEADER = 40;

export const TCP_SYN = 2;
export const TCP_ACK = 16;

/** Filled in anew for each packet, so that nothing is allocated. */
export class Transport {
  /** `unknown`: can't be read, and is dropped. `later-fragment`: has no ports, and follows one that was judged. */
  kind: 'known' | 'unknown' | 'later-fragment' = 'unknown';
  protocol = 0;
  /** 0 where the protocol has none. */
  sourcePort = 0;
  destinationPort = 0;
  tcpFlags = 0;
  /** Type of an ICMP message; -1 for other protocols. */
  icmpType = -1;

  /** Reads a packet whose IP header was checked before. */
  read(packet: Uint8Array, length: number, version: 4 | 6): void {
    this.kind = 'unknown';
    this.protocol = 0;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.tcpFlags = 0;
    this.icmpType = -1;
    if (version === 4) this.#readV4(packet, length);
    else this.#readV6(packet, length);
  }

  #readV4(packet: Uint8Array, length: number): void {
    const at = ((packet[0] as number) & 15) * 4;
    if (at < V4_HEADER || at > length) return;
    this.protocol = packet[9] as number;
    const field = read16(packet, 6);
    this.#readFragment(packet, at, length, (field & 0x1fff) * 8, (field & 0x2000) !== 0);
  }

  #readV6(packet: Uint8Array, length: number): void {
    this.protocol = packet[6] as number;
    if (this.protocol !== PROTOCOL_FRAGMENT) {
      if (EXTENSIONS.has(this.protocol)) return;
      this.#readFragment(packet, V6_HEADER, length, 0, false);
      return;
    }
    const at = V6_HEADER + 8;
    if (length < at) return;
    this.protocol = packet[V6_HEADER] as number;
    const field = read16(packet, V6_HEADER + 2);
    this.#readFragment(packet, at, length, field & 0xfff8, (field & 1) !== 0);
  }

  #readFragment(packet: Uint8Array, at: number, length: number, offset: number, hasMore: boolean): void {
    if (offset > 0) {
      if (offset >= MIN_FRAGMENT_OFFSET) this.kind = 'later-fragment';
      return;
    }
    // TSMP is short: a fragmented one is nobody's.
    if (hasMore && this.protocol === PROTOCOL_TSMP) return;
    // Nor is what only the other IP version has, and would be an answer there.
    if (this.protocol === ((packet[0] as number) >> 4 === 4 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP)) return;
    this.#readTransport(packet, at, length);
  }

  #readTransport(packet: Uint8Array, at: number, length: number): void {
    switch (this.protocol) {
      case PROTOCOL_TCP:
        if (length < at + 20) return;
        this.tcpFlags = (packet[at + 13] as number) & 0x3f;
        this.#readPorts(packet, at);
        return;
      case PROTOCOL_UDP:
        if (length >= at + 8) this.#readPorts(packet, at);
        return;
      case PROTOCOL_SCTP:
        if (length >= at + 12) this.#readPorts(packet, at);
        return;
      case PROTOCOL_ICMP:
      case PROTOCOL_ICMPV6:
        if (length < at + 8) return;
        this.icmpType = packet[at] as number;
        this.kind = 'known';
        return;
      default:
        this.kind = 'known';
    }
  }

  #readPorts(packet: Uint8Array, at: number): void {
    this.sourcePort = read16(packet, at);
    this.destinationPort = read16(packet, at + 2);
    this.kind = 'known';
  }
}

const read16 = (packet: Uint8Array, at: number): number =>
  ((packet[at] as number) << 8) | (packet[at + 1] as number);
