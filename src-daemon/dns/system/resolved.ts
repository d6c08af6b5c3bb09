/** Name servers through systemd-resolved: settings of our link, gone with it (org.freedesktop.resolve1(5)). */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { formatIp, parseIp } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { type Call, type DBusConnection, must, type Reply } from '../../dbus/connection.ts';
import { isList, type Value } from '../../dbus/values.ts';
import type { SystemDns } from '../types.ts';
import { withoutUs } from './resolv-conf.ts';
import type { SystemEvents, SystemResolver } from './types.ts';

export const RESOLVED = {
  destination: 'org.freedesktop.resolve1',
  path: '/org/freedesktop/resolve1',
  interface: 'org.freedesktop.resolve1.Manager',
} as const;

/** For all calls of one change together. */
const TIMEOUT_MS = 1_000;
/** It learns of a new interface from the kernel a moment later than we do. */
const LINK_WAIT_MS = 20;
const RECONNECT_MS = 2_000;
/** linux/socket.h, as the interface wants them. */
const AF_INET = 2;
const AF_INET6 = 10;

export interface ResolvedDeps {
  readonly bus: DBusConnection;
  /** Opens another one when this one is gone. */
  readonly openBus: (signal: AbortSignal) => Promise<DBusConnection>;
  /** Number of our interface now; undefined = there is none. */
  readonly link: () => number | undefined;
  readonly events: SystemEvents;
  readonly clock: Clock;
  readonly log: Log;
}

export class ResolvedDns implements SystemResolver {
  readonly mode = 'systemd-resolved';
  readonly canSplit = true;
  readonly #deps: ResolvedDeps;
  readonly #closing = new AbortController();
  #bus: DBusConnection;

  constructor(deps: ResolvedDeps) {
    this.#deps = deps;
    this.#bus = deps.bus;
  }

  static async start(deps: ResolvedDeps): Promise<ResolvedDns> {
    const resolved = new ResolvedDns(deps);
    await resolved.#follow(AbortSignal.timeout(TIMEOUT_MS));
    return resolved;
  }

  async set({ nameservers, searchDomains, matchDomains }: SystemDns): Promise<void> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const link = this.#link();
    const isPrimary = matchDomains.length === 0 && nameservers.length > 0;
    try {
      must('SetLinkDNS', await this.#setServers(link, nameservers, signal));
      await this.#setDomains(link, linkDomains(searchDomains, matchDomains, isPrimary), signal);
      const route = await this.#call('SetLinkDefaultRoute', 'ib', [link, isPrimary], signal);
      // Before systemd 240 there is no such thing, and the domain "." alone does it.
      if (!route.ok && !isUnknownMethod(route)) must('SetLinkDefaultRoute', route);
    } catch (error) {
      // Half of it could send questions where they don't belong.
      await this.#revert(link).catch(() => false);
      throw error;
    }
    // What it does well without; very old ones refuse. Our resolver speaks none of it.
    for (const member of ['SetLinkLLMNR', 'SetLinkMulticastDNS', 'SetLinkDNSSEC', 'SetLinkDNSOverTLS'])
      await this.#call(member, 'is', [link, 'no'], signal);
    await this.#call('FlushCaches', '', [], signal);
  }

  async restore(): Promise<boolean> {
    const link = this.#deps.link();
    return link !== undefined && (await this.#revert(link));
  }

  /** Whom it asks depends on the name: no list could say that. */
  async base(): Promise<'unsupported'> {
    return 'unsupported';
  }

  async baseNameservers(): Promise<readonly string[]> {
    const link = this.#deps.link();
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    for (const name of ['DNS', 'FallbackDNS']) {
      const servers = readServers(await this.#bus.property(RESOLVED, name, signal), link);
      if (servers.length > 0) return servers;
    }
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#bus[Symbol.asyncDispose]();
  }

  #link(): number {
    const link = this.#deps.link();
    if (link === undefined) throw new RhumbError('not-found', 'the tunnel interface does not exist');
    return link;
  }

  /** After a restart it has forgotten everything; after a restart of the bus nobody tells us of that. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { events, log } = this.#deps;
    const bus = this.#bus;
    await bus.watchOwner(
      RESOLVED.destination,
      (owner) => {
        if (owner !== '') events.stale('systemd-resolved has started anew');
      },
      signal,
    );
    bus.ended
      .then(() => this.#reconnect())
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) log('warn', 'dns.bus-lost', { error });
      });
  }

  async #reconnect(): Promise<void> {
    const { clock, events, openBus } = this.#deps;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await clock.sleep(RECONNECT_MS, signal);
      try {
        this.#bus = await openBus(AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
        await this.#follow(AbortSignal.timeout(TIMEOUT_MS));
        events.stale('the system bus is back');
        return;
      } catch {
        // Tried again; what is wrong shows when something is to be set.
      }
    }
  }

  async #setServers(link: number, nameservers: readonly string[], signal: AbortSignal): Promise<Reply> {
    const servers = nameservers.flatMap((text) => {
      const ip = parseIp(text);
      return ip === undefined ? [] : [[ip.length === 4 ? AF_INET : AF_INET6, ip]];
    });
    while (true) {
      const reply = await this.#call('SetLinkDNS', 'ia(iay)', [link, servers], signal);
      if (reply.ok || reply.name !== 'org.freedesktop.resolve1.NoSuchLink') return reply;
      await this.#deps.clock.sleep(LINK_WAIT_MS, signal);
    }
  }

  /** Old ones take a limited list; without the zones of addresses only names of addresses are lost. */
  async #setDomains(
    link: number,
    domains: readonly (readonly [string, boolean])[],
    signal: AbortSignal,
  ): Promise<void> {
    const all = await this.#call('SetLinkDomains', 'ia(sb)', [link, domains], signal);
    if (all.ok || !/Argument list too long/i.test(all.message)) {
      must('SetLinkDomains', all);
      return;
    }
    const some = domains.filter(([name]) => !name.endsWith('.arpa'));
    must('SetLinkDomains', await this.#call('SetLinkDomains', 'ia(sb)', [link, some], signal));
  }

  async #revert(link: number): Promise<boolean> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const reply = await this.#call('RevertLink', 'i', [link], signal);
    if (!reply.ok && /NoSuchLink|ServiceUnknown|NameHasNoOwner/.test(reply.name)) return false;
    must('RevertLink', reply);
    await this.#call('FlushCaches', '', [], signal);
    return true;
  }

  #call(member: string, signature: string, body: readonly Value[], signal: AbortSignal): Promise<Reply> {
    const call: Call = { ...RESOLVED, member, signature, body };
    return this.#bus.call(call, signal);
  }
}

/** Search domains route, too. The root as a domain to route takes all that no other link asks for. */
function linkDomains(
  searchDomains: readonly string[],
  matchDomains: readonly string[],
  isPrimary: boolean,
): readonly (readonly [string, boolean])[] {
  const search = new Set(searchDomains);
  const match = new Set(matchDomains.filter((name) => !search.has(name)));
  return [
    ...[...search].map((name) => [name, false] as const),
    ...[...match].map((name) => [name, true] as const),
    ...(isPrimary ? [['.', true] as const] : []),
  ];
}

/** `a(iiay)`: link (0 = all), family, address. */
function readServers(value: Value | undefined, ourLink: number | undefined): readonly string[] {
  const servers = isList(value) ? value : [];
  const found = servers.flatMap((server) => {
    const [link, , ip] = isList(server) ? server : [];
    const isAddress = ip instanceof Uint8Array && (ip.length === 4 || ip.length === 16);
    return link === ourLink || !isAddress ? [] : [formatIp(ip)];
  });
  return withoutUs({ nameservers: [...new Set(found)], searchDomains: [] }).nameservers;
}

const isUnknownMethod = (reply: Reply): boolean =>
  !reply.ok && reply.name === 'org.freedesktop.DBus.Error.UnknownMethod';
