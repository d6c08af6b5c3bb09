/** Connections that were refused: those of peers, which are told so, and ours, of which peers tell us (data-plane.md §4.8). */
import { formatIp } from '#shared/ip/address.ts';
import { type NodeKey, shortKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { EngineRecord, PeerId } from '../engine/types.ts';
import { encodeRefusal, type InnerReply } from './inner-packets.ts';

type Filtered = Extract<EngineRecord, { readonly type: 'filtered' }>;
type Refused = Extract<InnerReply, { readonly kind: 'refused' }>;

/** What a peer said of a connection that this machine began. */
export interface RefusedConnection {
  /** Wall clock ms. */
  readonly atMs: number;
  readonly peer: NodeKey;
  readonly protocol: number;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

/** Of the official client: ten at once, then one in five seconds (localapi-and-daemon.md §9.5). */
const LOG_BURST = 10;
const LOG_EVERY_MS = 5_000;
const KEPT = 64;
const PROTOCOL_TCP = 6;
const TCP_SYN = 2;
const V4_HEADER = 20;

export interface RefusalsDeps {
  readonly log: Log;
  /** Wall clock, ms. */
  readonly nowMs: () => number;
  readonly tell: (peer: PeerId, packet: Uint8Array) => void;
}

export class Refusals {
  readonly #deps: RefusalsDeps;
  readonly #recent: RefusedConnection[] = [];
  readonly #counts = { told: 0, heard: 0 };
  #logged = 0;
  #loggedAt = 0;
  /** Nobody may begin anything, by the user's wish. */
  shieldsUp = false;

  constructor(deps: RefusalsDeps) {
    this.#deps = deps;
  }

  /** A packet of a peer that the filter dropped: a beginning of TCP over IPv4 is answered, as official clients do. */
  filtered({ peer, why, data }: Filtered): void {
    this.#log(why, data);
    const connection = beginningOf(data);
    if (connection === undefined || why === 'unreadable') return;
    this.#counts.told++;
    this.#deps.tell(peer, encodeRefusal({ ...connection, reason: this.shieldsUp ? 'shields' : 'acl' }));
  }

  heard(peer: NodeKey, refused: Refused): void {
    this.#counts.heard++;
    const { protocol, from, to, reason } = refused;
    this.#recent.push({ atMs: this.#deps.nowMs(), peer, protocol, from, to, reason });
    if (this.#recent.length > KEPT) this.#recent.shift();
    if (this.#mayLog())
      this.#deps.log('debug', 'filter.refused-by-peer', { peer: shortKey(peer), from, to, reason });
  }

  /** Newest last. */
  get recent(): readonly RefusedConnection[] {
    return this.#recent;
  }

  counters(): Readonly<Record<string, number>> {
    return { 'refusals.told': this.#counts.told, 'refusals.heard': this.#counts.heard };
  }

  #log(why: string, data: Uint8Array): void {
    if (!this.#mayLog()) return;
    const isV4 = (data[0] as number) >> 4 === 4;
    const [from, to] = isV4
      ? [data.slice(12, 16), data.slice(16, 20)]
      : [data.slice(8, 24), data.slice(24, 40)];
    const protocol = data[isV4 ? 9 : 6];
    this.#deps.log('debug', 'filter.dropped', { why, protocol, from: formatIp(from), to: formatIp(to) });
  }

  #mayLog(): boolean {
    const now = this.#deps.nowMs();
    const regained = Math.floor(Math.max(0, now - this.#loggedAt) / LOG_EVERY_MS);
    if (regained > 0) {
      this.#logged = Math.max(0, this.#logged - regained);
      this.#loggedAt = now;
    }
    if (this.#logged >= LOG_BURST) return false;
    this.#logged++;
    return true;
  }
}

/** Ends of a TCP connection over IPv4 whose first packet this is. */
function beginningOf(data: Uint8Array): Omit<Parameters<typeof encodeRefusal>[0], 'reason'> | undefined {
  if ((data[0] as number) >> 4 !== 4 || data[9] !== PROTOCOL_TCP) return undefined;
  const header = ((data[0] as number) & 15) * 4;
  if (header < V4_HEADER || data.length < header + 14) return undefined;
  if (((data[header + 13] as number) & TCP_SYN) === 0) return undefined;
  const port = (at: number): number =>
    ((data[header + at] as number) << 8) | (data[header + at + 1] as number);
  return {
    protocol: PROTOCOL_TCP,
    source: { ip: formatIp(data.slice(12, 16)), port: port(0) },
    destination: { ip: formatIp(data.slice(16, 20)), port: port(2) },
  };
}
