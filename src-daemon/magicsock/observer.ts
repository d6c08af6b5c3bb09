/** What peers see of us: an address that we don't know means that our NAT, or what is behind it, has changed (§11.5). */
import { toRhumbError } from '#shared/errors.ts';
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { isPublic4 } from './candidate.ts';
import type { MagicsockDeps } from './types.ts';

/** Asked about at most once in this time. */
const PAUSE_MS = 10_000;

type ObserverDeps = Pick<MagicsockDeps, 'endpoints' | 'refreshEndpoints' | 'nat' | 'nowMs' | 'log'>;

export class Observer {
  readonly #deps: ObserverDeps;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: ObserverDeps) {
    this.#deps = deps;
  }

  /** A peer's pong says where our ping came from. A peer could make it up: then we look in vain, seldom. */
  seenAs(addr: SockAddr): void {
    if (!isPublic4(addr)) return;
    const { log } = this.#deps;
    const { list, ageMs } = this.#deps.endpoints();
    // A NAT that gives each destination another port shows a new one to each peer, as a matter of course.
    const isSamePort = (port: number): boolean => port === addr.port || this.#deps.nat().varies !== false;
    const isKnown = list.some(({ ip, port }) => ip === addr.ip && isSamePort(port));
    if (isKnown || !Number.isFinite(ageMs) || this.#deps.nowMs() - this.#askedAtMs < PAUSE_MS) return;
    this.#askedAtMs = this.#deps.nowMs();
    log('info', 'endpoints.observed', { as: formatSockAddr(addr) });
    this.#deps.refreshEndpoints().catch((error: unknown) => {
      log('debug', 'endpoints.refresh-failed', { why: toRhumbError(error).message });
    });
  }
}
