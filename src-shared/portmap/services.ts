/** What is known of one router's services, and talking to them in the right order (nat-traversal.md §3.1). */
import type { Clock, Random } from '../async/clock.ts';
import { randomBytes } from '../crypto/random.ts';
import { toRhumbError } from '../errors.ts';
import { type EpochSeen, hasRestarted } from './epoch.ts';
import type { Wire } from './exchange.ts';
import { mapByPcp, mapByPmp, type Outcome, releaseByUdp } from './lease.ts';
import { NONCE_BYTES } from './pcp.ts';
import { probeServices } from './probe.ts';
import type { SsdpReply } from './ssdp.ts';
import type { Fetch, Gateway, Link, Mapping, OpenPortmapSocket, Protocol, Services } from './types.ts';
import { mapByUpnp, type Router, releaseByUpnp } from './upnp.ts';

/** A service that answered counts as there for this long. */
const TRUST_MS = 600_000;

export interface ServicesDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly openUdp: OpenPortmapSocket;
  readonly fetch: Fetch;
  /** The server of NAT-PMP and PCP began anew and has lost its mappings. */
  readonly restarted: () => void;
}

/** One router as seen from one address of ours. */
export class RouterServices {
  readonly gateway: Gateway;
  readonly #deps: ServicesDeps;
  readonly #wire: Wire;
  readonly #router: Router;
  readonly #seenAtMs = new Map<Protocol, number>();
  readonly #epochs = new Map<Protocol, EpochSeen>();
  /** One for each port of ours, the same for renewal and release (RFC 6887 §11.3.2). */
  readonly #nonces = new Map<number, Uint8Array>();
  #replies: readonly SsdpReply[] = [];
  #probing: Promise<Services> | undefined;

  constructor(gateway: Gateway, deps: ServicesDeps) {
    this.gateway = gateway;
    this.#deps = deps;
    this.#wire = { clock: deps.clock, openUdp: deps.openUdp };
    this.#router = {
      fetch: deps.fetch,
      random: deps.random,
      nowMs: () => deps.clock.monotonic(),
    };
  }

  /** Which services answered lately. */
  known(): Services {
    return { pmp: this.#isKnown('nat-pmp'), pcp: this.#isKnown('pcp'), upnp: this.#isKnown('upnp') };
  }

  /** Asks those that did not answer lately. Whoever asks at the same time gets the same answer. */
  probe(signal: AbortSignal): Promise<Services> {
    this.#probing ??= this.#probe(signal).finally(() => {
      this.#probing = undefined;
    });
    return this.#probing;
  }

  /**
   * Tries the service that made `wish`, then the others that are known. Where a wish fails, the router is looked at anew:
   * after a restart its UPnP is elsewhere, and it may have learned or forgotten something.
   */
  async make(link: Link, wish: Mapping | undefined, signal: AbortSignal): Promise<Outcome> {
    const first = await this.#tryAll(link, wish, this.#order(wish?.protocol), signal);
    if (first.ok || wish === undefined) return first;
    await this.probe(signal);
    const second = await this.#tryAll(link, wish, this.#order(undefined), signal);
    return second.ok ? second : first;
  }

  /** NAT-PMP unless only others answered; the last one that worked before all. */
  #order(best: Protocol | undefined): readonly Protocol[] {
    const known = this.known();
    const order: Protocol[] = best === undefined ? [] : [best];
    if (known.pmp) order.push('nat-pmp');
    if (known.pcp) order.push('pcp');
    if (known.upnp) order.push('upnp');
    return [...new Set(order)];
  }

  async #tryAll(
    link: Link,
    wish: Mapping | undefined,
    order: readonly Protocol[],
    signal: AbortSignal,
  ): Promise<Outcome> {
    const refusals: string[] = [];
    let retryAfterS = 0;
    for (const protocol of order) {
      const outcome = await this.#makeBy(protocol, link, wish, signal);
      if (outcome.ok) {
        this.#seen(protocol);
        if (outcome.epochS !== undefined) this.#noteEpoch(protocol, outcome.epochS, true);
        return outcome;
      }
      this.#seenAtMs.delete(protocol);
      refusals.push(outcome.why);
      retryAfterS = Math.max(retryAfterS, outcome.retryAfterS ?? 0);
    }
    return { ok: false, why: refusals.join('; ') || 'the router offers no port mapping', retryAfterS };
  }

  async release(link: Link, mapping: Mapping, signal: AbortSignal): Promise<void> {
    if (mapping.protocol === 'upnp') await releaseByUpnp(this.#router, link, mapping, signal);
    else await releaseByUdp(this.#wire, link, mapping);
    if (mapping.protocol === 'pcp') this.#nonces.delete(link.port);
  }

  /** An answer or announcement of the server of `protocol` carried this epoch. */
  noteEpoch(protocol: Protocol, epochS: number): void {
    this.#noteEpoch(protocol, epochS, false);
  }

  async #probe(signal: AbortSignal): Promise<Services> {
    const before = this.known();
    const found = await probeServices(this.#wire, this.gateway, before, signal);
    if (found.pmp !== undefined) {
      this.#seen('nat-pmp');
      this.#noteEpoch('nat-pmp', found.pmp.epochS, false);
    }
    if (found.pcp !== undefined) {
      if (found.pcp.mayMap) this.#seen('pcp');
      this.#noteEpoch('pcp', found.pcp.epochS, false);
    }
    if (found.upnp !== undefined) {
      this.#seen('upnp');
      this.#replies = found.upnp;
    }
    return this.known();
  }

  async #makeBy(
    protocol: Protocol,
    link: Link,
    wish: Mapping | undefined,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const port = wish?.external.port ?? 0;
    try {
      switch (protocol) {
        case 'nat-pmp':
          return await mapByPmp(this.#wire, link, port, signal);
        case 'pcp':
          return await mapByPcp(
            this.#wire,
            link,
            { nonce: this.#nonceFor(link.port), external: wish?.external },
            signal,
          );
        case 'upnp': {
          const previous = wish?.protocol === 'upnp' ? wish : undefined;
          const locations = this.#replies.map(({ location }) => location);
          return await mapByUpnp(this.#router, link, { previous, port, locations }, signal);
        }
        default:
          return protocol satisfies never;
      }
    } catch (error) {
      signal.throwIfAborted();
      return { ok: false, why: `${protocol}: ${toRhumbError(error).message}` };
    }
  }

  #nonceFor(port: number): Uint8Array {
    const nonce = this.#nonces.get(port) ?? randomBytes(NONCE_BYTES);
    this.#nonces.set(port, nonce);
    return nonce;
  }

  #seen(protocol: Protocol): void {
    this.#seenAtMs.set(protocol, this.#deps.clock.monotonic());
  }

  #isKnown(protocol: Protocol): boolean {
    const atMs = this.#seenAtMs.get(protocol);
    return atMs !== undefined && this.#deps.clock.monotonic() - atMs < TRUST_MS;
  }

  #noteEpoch(protocol: Protocol, epochS: number, isFresh: boolean): void {
    const seen: EpochSeen = { epochS, atMs: this.#deps.clock.monotonic() };
    const before = this.#epochs.get(protocol);
    this.#epochs.set(protocol, seen);
    // The very answer that made or renewed a mapping does not unmake it.
    if (!isFresh && before !== undefined && hasRestarted(before, seen)) this.#deps.restarted();
  }
}
