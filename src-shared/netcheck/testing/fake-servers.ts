/** STUN servers behind a made-up network, for tests: delay, loss, and a NAT that maps as the test says. */

import { formatSockAddr, type SockAddr } from '../../ip/address.ts';
import { decodeRequest, encodeResponse } from '../../stun/stun.ts';
import type { FakeClock } from '../../testing/fake-clock.ts';
import { type DerpMap, derpMap } from '../../wire/map.ts';
import type { Netcheck, StunTransport } from '../check.ts';

export interface FakeServer {
  /** There and back. */
  readonly latencyMs: number;
  /** Of the requests, counted from 0, those that get no answer. */
  readonly isLost?: ((nth: number) => boolean) | undefined;
  readonly mapped?: SockAddr | undefined;
  /** Where the answer seems to come from. */
  readonly answersFrom?: SockAddr | undefined;
}

export class FakeServers implements StunTransport {
  readonly sent: { readonly to: string; readonly atMs: number }[] = [];
  readonly #clock: FakeClock;
  readonly #servers: Readonly<Record<string, FakeServer>>;
  readonly #families: readonly number[];
  readonly #counts = new Map<string, number>();
  /** Answers go there. */
  netcheck: Netcheck | undefined;
  isRefusing = false;

  constructor(
    clock: FakeClock,
    servers: Readonly<Record<string, FakeServer>>,
    families: readonly number[] = [4],
  ) {
    this.#clock = clock;
    this.#servers = servers;
    this.#families = families;
  }

  canSend(family: 4 | 6): boolean {
    return this.#families.includes(family);
  }

  send(to: SockAddr, datagram: Uint8Array): boolean {
    if (this.isRefusing) return false;
    const key = formatSockAddr(to);
    const nth = this.#counts.get(key) ?? 0;
    this.#counts.set(key, nth + 1);
    this.sent.push({ to: key, atMs: this.#clock.monotonic() });
    const server = this.#servers[key];
    const request = decodeRequest(datagram);
    if (server === undefined || request === undefined || server.isLost?.(nth) === true) return true;
    const isV6 = to.ip.includes(':');
    const mapped = server.mapped ?? { ip: isV6 ? '2001:db8::9' : '203.0.113.7', port: 41_641 };
    const answer = encodeResponse(request.txId, mapped);
    this.#clock.after(server.latencyMs, () => this.netcheck?.handleStun(server.answersFrom ?? to, answer));
    return true;
  }

  /** Requests to one server. */
  count(server: string): number {
    return this.#counts.get(server) ?? 0;
  }
}

export interface MapOptions {
  /** Instead of each node's IPv6 address. */
  readonly v6?: string;
  readonly node?: Readonly<Record<string, unknown>>;
  /** By region number. */
  readonly region?: Readonly<Record<number, Readonly<Record<string, unknown>>>>;
  readonly scores?: Readonly<Record<number, number>>;
}

/** Region n has `nodes[n]` nodes, `na` at `198.51.n.1`, `nb` at `198.51.n.2`; by IPv6 at `2001:db8:n::1` and so on. */
export function mapOf(nodes: Readonly<Record<number, number>>, options: MapOptions = {}): DerpMap {
  const regions = Object.entries(nodes).map(([id, count]) => [
    id,
    {
      RegionID: Number(id),
      RegionCode: `r${id}`,
      RegionName: `Region ${id}`,
      Nodes: Array.from({ length: count }, (_, at) => ({
        Name: `${id}${'abcdefgh'.charAt(at)}`,
        RegionID: Number(id),
        HostName: `derp${id}-${at}.example`,
        IPv4: `198.51.${id}.${at + 1}`,
        IPv6: options.v6 ?? `2001:db8:${id}::${at + 1}`,
        ...options.node,
      })),
      ...options.region?.[Number(id)],
    },
  ]);
  const HomeParams = options.scores === undefined ? undefined : { RegionScore: options.scores };
  return derpMap.parse({ Regions: Object.fromEntries(regions), HomeParams });
}
