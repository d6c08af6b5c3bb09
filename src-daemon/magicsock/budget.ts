/**
 * How many pings may go to addresses that nobody has proven: whoever can write a peer's endpoint list, the peer itself
 * above all, must not make us knock on other people's doors without end.
 */
import type { SockAddr } from '#shared/ip/address.ts';
import { TokenBucket } from '../disco/limit.ts';
import { isLoopback, isUsable } from './candidate.ts';
import { isSame } from './path-draft.ts';
import type { PeerId } from './types.ts';

/** A peer with a hundred candidates, three times over, and 600 a minute after that. */
const PER_PEER = { perSecond: 10, burst: 300 };
/** Five hundred peers with eight addresses each that wake at once are all asked at once: 600 kB, and 1.2 Mbit/s after that. */
const OVERALL = { perSecond: 1_000, burst: 4_000 };

export class PingBudget {
  readonly #overall = new TokenBucket(OVERALL);
  readonly #perPeer = new Map<PeerId, TokenBucket>();

  /** Takes from both when both have one. */
  take(peer: PeerId, nowMs: number): boolean {
    let own = this.#perPeer.get(peer);
    if (own === undefined) {
      own = new TokenBucket(PER_PEER);
      this.#perPeer.set(peer, own);
    }
    if (!own.has(nowMs) || !this.#overall.has(nowMs)) return false;
    own.take(nowMs);
    this.#overall.take(nowMs);
    return true;
  }

  forget(peer: PeerId): void {
    this.#perPeer.delete(peer);
  }
}

/**
 * Whether a ping there can mean the peer. Not at an address of our own, which is another machine's when two networks number
 * alike; and not at loopback, unless that is all we have ourselves: two daemons on a machine without a network.
 */
export function mayBePeer(to: SockAddr, own: readonly SockAddr[]): boolean {
  if (!isUsable(to) || own.some((addr) => isSame(addr, to))) return false;
  return !isLoopback(to) || own.some(isLoopback);
}
