/** Who may come in at all: connections per second from everywhere, and at once from one address. */
import { formatIp, parseIp, unmap } from '#shared/ip/address.ts';
import { TokenBucket } from './bucket.ts';

export interface GateLimits {
  /** New connections per second, and how many at once after a quiet time. */
  readonly acceptsPerS?: number;
  readonly acceptBurst?: number;
  /** Open connections of one IPv4 address or one IPv6 /64. */
  readonly perSource?: number;
}

/** An office behind one address fits many times over; somebody who wants to use up our memory does not. */
const DEFAULT_PER_SOURCE = 4_096;

export class Gate {
  readonly #accepts: TokenBucket | undefined;
  readonly #perSource: number;
  readonly #nowMs: () => number;
  readonly #open = new Map<string, number>();

  constructor(limits: GateLimits, nowMs: () => number) {
    const { acceptsPerS, acceptBurst = acceptsPerS, perSource = DEFAULT_PER_SOURCE } = limits;
    this.#nowMs = nowMs;
    this.#perSource = perSource;
    if (acceptsPerS !== undefined && acceptBurst !== undefined)
      this.#accepts = new TokenBucket(acceptsPerS, Math.max(1, acceptBurst), nowMs());
  }

  /** How many sources have something open. */
  get sources(): number {
    return this.#open.size;
  }

  /** Undefined when it may not; else what to call, once, when it has gone. Without an address only the rate counts. */
  enter(ip: string | undefined): (() => void) | undefined {
    const source = ip === undefined ? undefined : sourceOf(ip);
    const open = source === undefined ? 0 : (this.#open.get(source) ?? 0);
    if (open >= this.#perSource) return undefined;
    if (this.#accepts !== undefined && !this.#accepts.take(1, this.#nowMs())) return undefined;
    if (source === undefined) return () => undefined;
    this.#open.set(source, open + 1);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      const left = (this.#open.get(source) ?? 1) - 1;
      if (left === 0) this.#open.delete(source);
      else this.#open.set(source, left);
    };
  }
}

/** A subscriber has a whole /64 (RFC 4291 §2.5.4), so that counts as one. What is no address counts as itself. */
export function sourceOf(ip: string): string {
  const parsed = parseIp(ip);
  if (parsed === undefined || parsed.length === 4) return ip;
  const bytes = unmap(parsed);
  if (bytes.length === 4) return formatIp(bytes);
  const network = bytes.slice();
  network.fill(0, 8);
  return formatIp(network);
}
