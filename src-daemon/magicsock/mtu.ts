/** Sizes of disco pings that show what a path carries (nat-traversal.md §4.5). */

/** A tunnel MTU of 1280 and what WireGuard over IPv6 adds: what any answered ping vouches for. */
export const SAFE_WIRE_MTU = 1_360;
/** IP packets to try: the least of IPv6, the safe one, DSL and tunnels, Ethernet, and two sorts of jumbo frames. */
const WIRE_SIZES: readonly number[] = [1_280, 1_360, 1_400, 1_500, 8_000, 9_000];
/** UDP header after an IP header without options. */
const HEADERS_V4 = 28;
const HEADERS_V6 = 48;

const headers = (ip: string): number => (ip.includes(':') ? HEADERS_V6 : HEADERS_V4);

/** Datagram sizes whose IP packets have exactly the sizes to try. */
export const probeSizes = (ip: string): readonly number[] => WIRE_SIZES.map((size) => size - headers(ip));

/** What an answer to a ping of this size vouches for; 0 is a ping without padding. */
export const wireMtuOf = (datagramSize: number, ip: string): number =>
  datagramSize === 0 ? SAFE_WIRE_MTU : datagramSize + headers(ip);
