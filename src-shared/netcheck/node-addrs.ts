/** Addresses of relay nodes: those of the map as they are, names by look-up, remembered for a while. */
import type { Clock } from '../async/clock.ts';
import { canonicalIp, type SockAddr } from '../ip/address.ts';
import { type Family, hostOf, type RelayNode, stunPort } from './relay-map.ts';

/** All addresses of a name, both families; rejects when there is none. */
export type Resolve = (name: string, signal: AbortSignal) => Promise<readonly string[]>;

const FRESH_MS = 600_000;
/** A name that has no address now may have one soon. */
const RETRY_MS = 20_000;
const LOOKUP_MS = 5_000;
const MAX_NAMES = 256;
const MAX_ADDRESSES = 16;

interface Known {
  readonly atMs: number;
  /** The last that was found: better than nothing while look-ups fail. */
  readonly ips: readonly string[];
  readonly isFailed: boolean;
}

export class NodeAddrs {
  readonly #clock: Clock;
  readonly #resolve: Resolve | undefined;
  readonly #known = new Map<string, Known>();
  readonly #pending = new Map<string, Promise<readonly string[]>>();

  constructor(clock: Clock, resolve: Resolve | undefined) {
    this.#clock = clock;
    this.#resolve = resolve;
  }

  /** Where to send a STUN request. Known addresses come at once, so that no probe waits for a turn of the event loop. */
  stun(node: RelayNode, family: Family): SockAddr | undefined | Promise<SockAddr | undefined> {
    const port = stunPort(node);
    if (port === undefined) return undefined;
    const ip = this.ip(node, family);
    const addr = (found: string | undefined): SockAddr | undefined =>
      found === undefined ? undefined : { ip: found, port };
    return ip instanceof Promise ? ip.then(addr) : addr(ip);
  }

  ip(node: RelayNode, family: Family): string | undefined | Promise<string | undefined> {
    const host = hostOf(node, family);
    if (host === undefined) return undefined;
    if ('ip' in host) return canonicalIp(host.ip);
    const known = this.#known.get(host.name);
    if (known !== undefined && this.#isFresh(known)) return ofFamily(known.ips, family);
    return this.#lookUp(host.name).then((ips) => ofFamily(ips, family));
  }

  /** After a link change names may have other addresses. */
  forget(): void {
    for (const [name, known] of this.#known)
      this.#known.set(name, { ...known, atMs: Number.NEGATIVE_INFINITY });
  }

  #isFresh({ atMs, isFailed }: Known): boolean {
    return this.#clock.monotonic() - atMs < (isFailed ? RETRY_MS : FRESH_MS);
  }

  /** One look-up per name at a time; it goes on for the next asker when this one has gone. */
  #lookUp(name: string): Promise<readonly string[]> {
    const pending = this.#pending.get(name);
    if (pending !== undefined) return pending;
    const started = this.#ask(name).finally(() => this.#pending.delete(name));
    this.#pending.set(name, started);
    return started;
  }

  async #ask(name: string): Promise<readonly string[]> {
    const before = this.#known.get(name)?.ips ?? [];
    const found = await this.#resolved(name);
    const ips = found.length > 0 ? found : before;
    this.#known.delete(name);
    const [oldest] = this.#known.keys();
    if (this.#known.size >= MAX_NAMES && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(name, { atMs: this.#clock.monotonic(), ips, isFailed: found.length === 0 });
    return ips;
  }

  /** Empty when it failed or took too long: a probe without an address is one without an answer. */
  async #resolved(name: string): Promise<readonly string[]> {
    if (this.#resolve === undefined) return [];
    const limit = new AbortController();
    let giveUp = (): void => undefined;
    const cancel = this.#clock.after(LOOKUP_MS, () => {
      limit.abort();
      giveUp();
    });
    const late = new Promise<readonly string[]>((resolve) => {
      giveUp = () => resolve([]);
    });
    // Names are looked up again with the next check, and the report shows the region without an answer.
    const asked = this.#resolve(name, limit.signal).catch(() => []);
    const ips = await Promise.race([asked, late]);
    cancel();
    return ips.flatMap((text) => canonicalIp(text) ?? []).slice(0, MAX_ADDRESSES);
  }
}

const ofFamily = (ips: readonly string[], family: Family): string | undefined =>
  ips.find((ip) => ip.includes(':') === (family === 6));
