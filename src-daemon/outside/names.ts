/** Names of what the daemon itself must reach (control server, relays, resolvers), also while every other way is closed. */
import type { Clock } from '#shared/async/clock.ts';
import { canonicalIp } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { askServers } from './ask.ts';
import type { KeptNames } from './kept-names.ts';
import type { OutsideSockets } from './sockets.ts';
import { asksOurselves, hostsAddresses, type ReadText } from './system-files.ts';

export interface OutsideNamesDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly sockets: OutsideSockets;
  readonly kept: KeptNames;
  readonly newId: () => number;
  /** The system's name servers besides ourselves, with `%zone` where one is needed. */
  readonly baseServers: () => Promise<readonly string[]>;
  /** The operating system's resolver; it may hang for long and cannot be cancelled. */
  readonly system: (host: string, family: 4 | 6) => Promise<readonly string[]>;
  readonly read: ReadText;
  /** What others send may be kept from leaving, also what the system's resolver asks. */
  readonly isClosed: () => boolean;
}

const DNS_PORT = 53;
/** So long for the system when there is an earlier answer to go by. */
const PATIENCE_MS = 2_000;
/** RFC 8305 §3, "Resolution Delay". */
const RESOLUTION_DELAY_MS = 50;
/** RFC 1035 §2.3.4; labels are letters, digits, hyphens and, as some do, underscores. */
const NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

export class OutsideNames {
  readonly #deps: OutsideNamesDeps;
  /** A look-up by the system cannot be cancelled: without this every attempt would add one more to those that hang. */
  readonly #asking = new Map<string, Promise<readonly string[]>>();

  constructor(deps: OutsideNamesDeps) {
    this.#deps = deps;
  }

  /** Addresses of a name, at least one; both families by default, IPv4 first. An address is itself. */
  async resolve(host: string, family?: 4 | 6): Promise<readonly string[]> {
    const literal = canonicalIp(host.replace(/%.*$/, ''));
    if (literal !== undefined) return [host];
    const name = host.toLowerCase().replace(/\.$/, '');
    if (!NAME.test(name)) throw noSuchHost(host);
    if (family !== undefined) {
      const found = await this.#one(name, family);
      if (found.length === 0) throw noSuchHost(host);
      return found;
    }
    return this.#both(name);
  }

  /** The slower family is waited for a moment only. */
  async #both(name: string): Promise<readonly string[]> {
    const found: Record<4 | 6, readonly string[]> = { 4: [], 6: [] };
    const asked = ([4, 6] as const).map(async (family) => {
      found[family] = await this.#one(name, family);
      if (found[family].length === 0) throw noSuchHost(name);
    });
    try {
      await Promise.any(asked);
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error;
    }
    const over = new AbortController();
    const moment = this.#deps.clock.sleep(RESOLUTION_DELAY_MS, over.signal).catch(() => undefined); // over
    await Promise.race([Promise.allSettled(asked), moment]);
    over.abort();
    return [...found[4], ...found[6]];
  }

  async #one(name: string, family: 4 | 6): Promise<readonly string[]> {
    const { kept } = this.#deps;
    const known = kept.get(name, family);
    const asking = this.#ask(name, family);
    // What comes too late is known the next time.
    return known.length === 0 ? asking : this.#orKnown(asking, known);
  }

  #ask(name: string, family: 4 | 6): Promise<readonly string[]> {
    const id = `${family} ${name}`;
    const before = this.#asking.get(id);
    if (before !== undefined) return before;
    const asking = this.#look(name, family)
      .then((found) => {
        this.#deps.kept.put(name, family, found);
        return found;
      })
      .finally(() => this.#asking.delete(id));
    this.#asking.set(id, asking);
    return asking;
  }

  async #look(name: string, family: 4 | 6): Promise<readonly string[]> {
    const { log, read, baseServers, isClosed, system } = this.#deps;
    if (!isClosed() && !(await asksOurselves(read))) return system(name, family);
    const hosts = hostsAddresses((await read('/etc/hosts')) ?? '', name);
    if (hosts.length > 0) return hosts.filter((ip) => ip.includes(':') === (family === 6));
    const servers = (await baseServers()).map((ip) => ({ ip, port: DNS_PORT }));
    if (servers.length === 0) {
      log('debug', 'names.no-servers', { name });
      return system(name, family);
    }
    const question = { name, family };
    // Bounded by its own limit.
    return askServers(servers, question, this.#deps, new AbortController().signal);
  }

  async #orKnown(asking: Promise<readonly string[]>, known: readonly string[]): Promise<readonly string[]> {
    const over = new AbortController();
    const fallback = (): readonly string[] => known;
    const patience = this.#deps.clock.sleep(PATIENCE_MS, over.signal).then(fallback, fallback);
    try {
      return await Promise.race([asking.catch(fallback), patience]);
    } finally {
      over.abort();
    }
  }
}

/** As Node's own look-up says it. */
const noSuchHost = (host: string): Error =>
  Object.assign(new Error(`look up ${host}: no such host`), { code: 'ENOTFOUND', hostname: host });
