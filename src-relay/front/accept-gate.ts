/** Decides which new connections are let in at all: an overall rate, and a bound on those of one address. */
import type { Clock } from '#shared/async/clock.ts';
import { formatIp, parseIp, unmap } from '#shared/ip/address.ts';

export interface GateLimits {
  /** New connections a second, over all; undefined = any. */
  readonly perSecond: number | undefined;
  readonly burst: number;
  /** Connections of one address (IPv6: one /64) that have not become relay connections yet. */
  readonly waitingPerAddress: number;
  /** All connections of one address. */
  readonly openPerAddress: number;
}

export const DEFAULT_GATE: GateLimits = {
  perSecond: undefined,
  burst: 1,
  // A browser opens six; a provider's NAT after an outage some hundred.
  waitingPerAddress: 512,
  openPerAddress: 20_000,
};

export interface Passage {
  /** It became a relay connection. */
  upgraded(): void;
  closed(): void;
}

interface Count {
  waiting: number;
  open: number;
}

export class AcceptGate {
  readonly #clock: Clock;
  readonly #limits: GateLimits;
  /** Only addresses with an open connection are in here. */
  readonly #counts = new Map<string, Count>();
  #tokens: number;
  #filledAt: number;
  accepted = 0;
  rejected = 0;

  constructor(clock: Clock, limits: GateLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#tokens = limits.burst;
    this.#filledAt = clock.monotonic();
  }

  /** Undefined = close it at once: a client that hears nothing would wait, and a queue would fill. */
  enter(address: string | undefined): Passage | undefined {
    const name = networkOf(address);
    const count = this.#counts.get(name) ?? { waiting: 0, open: 0 };
    const isFull =
      name !== LOOPBACK &&
      (count.waiting >= this.#limits.waitingPerAddress || count.open >= this.#limits.openPerAddress);
    if (isFull || !this.#takeToken()) {
      this.rejected++;
      return undefined;
    }
    this.accepted++;
    count.waiting++;
    count.open++;
    this.#counts.set(name, count);
    return this.#passage(name, count);
  }

  #passage(name: string, count: Count): Passage {
    let isWaiting = true;
    let isOpen = true;
    const upgraded = (): void => {
      if (isWaiting) count.waiting--;
      isWaiting = false;
    };
    return {
      upgraded,
      closed: () => {
        upgraded();
        if (isOpen) count.open--;
        isOpen = false;
        if (count.open === 0) this.#counts.delete(name);
      },
    };
  }

  #takeToken(): boolean {
    const { perSecond, burst } = this.#limits;
    if (perSecond === undefined) return true;
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) * perSecond) / 1_000);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

const LOOPBACK = 'loopback';

/** What one customer has: an IPv4 address, or an IPv6 /64. Local programs may open as many as they like. */
export function networkOf(address: string | undefined): string {
  const parsed = parseIp((address ?? '').split('%', 1)[0] ?? '');
  if (parsed === undefined) return '';
  const ip = unmap(parsed);
  if (ip.length === 4) return ip[0] === 127 ? LOOPBACK : formatIp(ip);
  if (formatIp(ip) === '::1') return LOOPBACK;
  const network = new Uint8Array(16);
  network.set(ip.subarray(0, 8));
  return `${formatIp(network)}/64`;
}
