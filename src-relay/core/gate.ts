/** How many connections one address may have at the relay at once, wherever the front takes them from. */
import { formatIp, parseIp, unmap } from '#shared/ip/address.ts';

/** A provider's NAT fits in; somebody who wants to use up our memory is bounded to some hundred megabytes. */
export const DEFAULT_PER_SOURCE = 20_000;

export class SourceGate {
  readonly #perSource: number;
  readonly #open = new Map<string, number>();

  constructor(perSource: number = DEFAULT_PER_SOURCE) {
    this.#perSource = perSource;
  }

  /** How many sources have something open. */
  get sources(): number {
    return this.#open.size;
  }

  /** Undefined when it may not; else what to call, once, when it has gone. */
  enter(ip: string | undefined): (() => void) | undefined {
    const source = ip === undefined ? undefined : sourceOf(ip);
    if (source === undefined) return () => undefined;
    const open = this.#open.get(source) ?? 0;
    if (open >= this.#perSource) return undefined;
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

/** A subscriber has a whole IPv6 /64 (RFC 4291 §2.5.4), so that counts as one. Undefined for programs on this machine. */
export function sourceOf(ip: string): string | undefined {
  const parsed = parseIp(ip);
  if (parsed === undefined) return ip;
  const bytes = unmap(parsed);
  if (bytes.length === 4) return bytes[0] === 127 ? undefined : formatIp(bytes);
  if (formatIp(bytes) === '::1') return undefined;
  const network = bytes.slice();
  network.fill(0, 8);
  return `${formatIp(network)}/64`;
}
