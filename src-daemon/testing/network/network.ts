/** A simulated internetwork: segments joined by routers, hosts on links with delay, jitter, loss, reordering, duplication. */
import type { Random } from '#shared/async/clock.ts';
import type { SimClock } from './sim-clock.ts';

/** One UDP datagram; addresses change on the way through NATs, what its sender meant does not. */
export interface Datagram {
  readonly srcIp: string;
  readonly srcPort: number;
  readonly dstIp: string;
  readonly dstPort: number;
  readonly data: Uint8Array;
  readonly origin: Origin;
}

/** Who really sent a datagram and to which address, for oracles; nothing in the network decides by it. */
export interface Origin {
  readonly host: string;
  readonly dst: string;
}

export interface LinkConditions {
  isUp: boolean;
  /** One way. */
  delayMs: number;
  /** Added to the delay, evenly distributed; the order is kept unless a datagram is picked for reordering. */
  jitterMs: number;
  /** Probabilities in [0, 1]. */
  loss: number;
  duplicate: number;
  reorder: number;
  /** Of the IP packet. Larger ones vanish without a word. */
  mtu: number;
}

export const conditions = (given: Partial<LinkConditions> = {}): LinkConditions => ({
  isUp: true,
  delayMs: 1,
  jitterMs: 0,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  mtu: 1_500,
  ...given,
});

/** Where a host or router is plugged into a segment. */
export interface Attachment {
  readonly segment: Segment;
  readonly link: LinkConditions;
  receive(datagram: Datagram): void;
}

/** What becomes of datagrams, by name. */
export type Tally = Map<string, number>;

/** How much longer a datagram takes that others overtake. */
const REORDER_MS = 15;
const UDP4_OVERHEAD = 28;
const UDP6_OVERHEAD = 48;

export const isV6 = (ip: string): boolean => ip.includes(':');

export class Network {
  readonly clock: SimClock;
  readonly random: Random;
  readonly tally: Tally = new Map();
  /** Told of each datagram that reaches a socket. */
  onReached: ((datagram: Datagram, host: string) => void) | undefined;

  constructor(clock: SimClock, random: Random) {
    this.clock = clock;
    this.random = random;
  }

  count(name: string): void {
    this.tally.set(name, (this.tally.get(name) ?? 0) + 1);
  }

  /** Carries a datagram from where it is plugged in to whoever has its destination in that segment, else to the gateway. */
  transmit(from: Attachment, datagram: Datagram): void {
    const to = from.segment.next(from, datagram.dstIp);
    if (to === undefined) {
      this.count('drop.no-host');
      return;
    }
    const size = datagram.data.length + (isV6(datagram.dstIp) ? UDP6_OVERHEAD : UDP4_OVERHEAD);
    if (size > from.link.mtu || size > to.link.mtu) {
      this.count('drop.too-big');
      return;
    }
    if (!from.link.isUp || this.random() < from.link.loss || this.random() < to.link.loss) {
      this.count('drop.lost');
      return;
    }
    this.#carry(from, to, datagram);
    if (this.random() < from.link.duplicate + to.link.duplicate) this.#carry(from, to, datagram);
  }

  #carry(from: Attachment, to: Attachment, datagram: Datagram): void {
    const { random } = this;
    const jitterMs = random() * (from.link.jitterMs + to.link.jitterMs);
    const lateMs = random() < from.link.reorder + to.link.reorder ? REORDER_MS : 0;
    this.clock.after(from.link.delayMs + to.link.delayMs + jitterMs + lateMs, () => {
      if (to.link.isUp && to.segment.has(to)) to.receive(datagram);
      else this.count('drop.link-down');
    });
  }
}

/** An IP subnet, or the Internet itself: who is there with which addresses, and where the rest goes. */
export class Segment {
  readonly name: string;
  /** Members reach only the gateway, as in many guest networks. */
  isIsolated = false;
  gateway: Attachment | undefined;
  readonly #claims = new Map<string, Attachment>();
  readonly #members = new Set<Attachment>();

  constructor(name: string) {
    this.name = name;
  }

  join(attachment: Attachment, addresses: readonly string[]): void {
    this.#members.add(attachment);
    for (const ip of addresses) this.#claims.set(ip, attachment);
  }

  leave(attachment: Attachment): void {
    this.#members.delete(attachment);
    for (const [ip, owner] of this.#claims) if (owner === attachment) this.#claims.delete(ip);
    if (this.gateway === attachment) this.gateway = undefined;
  }

  release(ip: string): void {
    this.#claims.delete(ip);
  }

  has(attachment: Attachment): boolean {
    return this.#members.has(attachment);
  }

  owner(ip: string): Attachment | undefined {
    return this.#claims.get(ip);
  }

  next(from: Attachment, ip: string): Attachment | undefined {
    const owner = this.#claims.get(ip);
    const isDirect = owner !== undefined && owner !== from;
    if (isDirect && (!this.isIsolated || owner === this.gateway || from === this.gateway)) return owner;
    // What is for a neighbour one may not see, and what is for elsewhere.
    return from === this.gateway || owner === from ? undefined : this.gateway;
  }
}
