/** Name servers through NetworkManager: in the connection that is applied to our interface (org.freedesktop.NetworkManager.Device). */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { canonicalIp, parseIp } from '#shared/ip/address.ts';
import { type DBusConnection, must } from '../../dbus/connection.ts';
import { type Dict, isList, isVariant, type Value, variant } from '../../dbus/values.ts';
import type { BaseDns } from '../compile.ts';
import type { SystemDns } from '../types.ts';
import { joined, withoutUs } from './resolv-conf.ts';
import type { SystemResolver } from './types.ts';

const NAME = 'org.freedesktop.NetworkManager';
export const NETWORK_MANAGER = {
  destination: NAME,
  path: '/org/freedesktop/NetworkManager',
  interface: NAME,
};
export const NM_DNS_MANAGER = {
  destination: NAME,
  path: '/org/freedesktop/NetworkManager/DnsManager',
  interface: `${NAME}.DnsManager`,
};

/** For a change with all its attempts. */
const TIMEOUT_MS = 1_000;
/** It hears of our address from the kernel, and takes settings only for interfaces that have one. */
const RETRY_MS = 20;

/** Below zero a connection excludes all others; 1 is the most that does not. 200 is below the built-in ones. */
const EXCLUSIVE = -(2 ** 31);
const FIRST = 1;
const LAST = 200;

/** Given for reading; refused when they come back. */
const DEPRECATED = ['addresses', 'routes'];

export interface NetworkManagerDeps {
  readonly bus: DBusConnection;
  readonly tunName: string;
  readonly canSplit: boolean;
  /** Our own IPv6 addresses, without bits: those not named are taken away. */
  readonly ownIpv6: () => readonly string[];
  readonly clock: Clock;
}

export class NetworkManagerDns implements SystemResolver {
  readonly mode = 'network-manager';
  readonly canSplit: boolean;
  readonly #deps: NetworkManagerDeps;

  constructor(deps: NetworkManagerDeps) {
    this.#deps = deps;
    this.canSplit = deps.canSplit;
  }

  set(config: SystemDns): Promise<void> {
    return this.#reapply(config);
  }

  async restore(): Promise<boolean> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    // Without the interface the settings have gone, too.
    if ((await this.#device(signal)) === undefined) return false;
    await this.#reapply({ nameservers: [], searchDomains: [], matchDomains: [] });
    return true;
  }

  /** Of all connections but ours; one below zero makes those after it not count. */
  async base(): Promise<BaseDns> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const list = await this.#deps.bus.property(NM_DNS_MANAGER, 'Configuration', signal);
    if (!isList(list)) throw new RhumbError('protocol', 'NetworkManager does not say whom it asks for names');
    const found = list.flatMap((value) => {
      const read = value instanceof Map ? readConfiguration(value) : undefined;
      return read === undefined || read.interface === this.#deps.tunName ? [] : [read];
    });
    found.sort((a, b) => a.priority - b.priority);
    const exclusive = found.findIndex(({ priority }) => priority < 0);
    return withoutUs(joined(exclusive < 0 ? found : found.slice(0, exclusive + 1)));
  }

  async baseNameservers(): Promise<readonly string[]> {
    return (await this.base()).nameservers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deps.bus[Symbol.asyncDispose]();
  }

  async #reapply(config: SystemDns): Promise<void> {
    const { clock } = this.#deps;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    while (true) {
      try {
        await this.#tryReapply(config, signal);
        return;
      } catch (error) {
        if (signal.aborted) throw error;
        // Cut short by the limit: then the reason counts, not that we waited.
        await clock.sleep(RETRY_MS, signal).catch(() => {
          throw error;
        });
      }
    }
  }

  async #tryReapply(config: SystemDns, signal: AbortSignal): Promise<void> {
    const { bus, tunName, ownIpv6 } = this.#deps;
    const path = await this.#device(signal);
    if (path === undefined) throw new RhumbError('not-found', `NetworkManager does not know ${tunName}`);
    const device = { destination: NAME, path, interface: `${NAME}.Device` };
    const [settings, version] = must(
      'GetAppliedConnection',
      await bus.call({ ...device, member: 'GetAppliedConnection', signature: 'u', body: [0] }, signal),
    );
    if (!(settings instanceof Map) || typeof version !== 'bigint')
      throw new RhumbError('protocol', 'NetworkManager gave no settings of the connection');
    const body = [withDns(settings, config, ownIpv6()), version, 0];
    const call = { ...device, member: 'Reapply', signature: 'a{sa{sv}}tu', body };
    must('Reapply', await bus.call(call, signal));
  }

  async #device(signal: AbortSignal): Promise<string | undefined> {
    const { bus, tunName } = this.#deps;
    const reply = await bus.call(
      { ...NETWORK_MANAGER, member: 'GetDeviceByIpIface', signature: 's', body: [tunName] },
      signal,
    );
    const [path] = reply.ok ? reply.body : [];
    return typeof path === 'string' ? path : undefined;
  }
}

/** The settings of a connection with ours in place of what they said of names. */
export function withDns(settings: Dict, config: SystemDns, ownIpv6: readonly string[]): Dict {
  const ips = config.nameservers.map(parseIp).filter((ip) => ip !== undefined);
  const v4 = ips.filter((ip) => ip.length === 4);
  const v6 = ips.filter((ip) => ip.length === 16);
  const search = variant('as', searchList(config));
  const priority = (count: number): Value =>
    variant('i', count === 0 ? LAST : config.matchDomains.length > 0 ? FIRST : EXCLUSIVE);
  const changed = new Map(settings);
  changed.set(
    'ipv4',
    merged(settings.get('ipv4'), [
      // The bytes in the network's order, read as a number of this machine.
      ['dns', variant('au', v4.map(asNumber))],
      ['dns-search', search],
      ['dns-priority', priority(v4.length)],
    ]),
  );
  changed.set(
    'ipv6',
    merged(settings.get('ipv6'), [
      ['dns', variant('aay', v6)],
      ['dns-search', search],
      ['dns-priority', priority(v6.length)],
      // Name servers are taken with "auto" or "manual" only; what "auto" finds is to be ignored then.
      ['method', variant('s', 'auto')],
      ['ignore-auto-routes', variant('b', true)],
      ['ignore-auto-dns', variant('b', true)],
      ['never-default', variant('b', true)],
      ...(ownIpv6.length === 0
        ? []
        : [['address-data', variant('aa{sv}', ownIpv6.map(addressData))] as [Value, Value]]),
    ]),
  );
  return changed;
}

function merged(before: Value | undefined, entries: readonly [Value, Value][]): Dict {
  const all = new Map<Value, Value>(before instanceof Map ? before : []);
  for (const name of DEPRECATED) all.delete(name);
  for (const [name, value] of entries) all.set(name, value);
  return all;
}

function searchList({ nameservers, searchDomains, matchDomains }: SystemDns): readonly string[] {
  const match = matchDomains.filter((name) => !searchDomains.includes(name)).map((name) => `~${name}`);
  const all = matchDomains.length === 0 && nameservers.length > 0 ? ['~.'] : [];
  return [...searchDomains, ...match, ...all];
}

const asNumber = (ip: Uint8Array): number => new Uint32Array(ip.slice().buffer)[0] ?? 0;

const addressData = (ip: string): Dict =>
  new Map<Value, Value>([
    ['address', variant('s', ip)],
    ['prefix', variant('u', 128)],
  ]);

function readConfiguration(
  entry: Dict,
): (BaseDns & { readonly interface: Value | undefined; readonly priority: number }) | undefined {
  const get = (name: string): Value | undefined => {
    const value = entry.get(name);
    return isVariant(value) ? value.value : undefined;
  };
  const texts = (name: string): readonly string[] => {
    const list = get(name);
    return isList(list) ? list.filter((item) => typeof item === 'string') : [];
  };
  const priority = get('priority');
  return {
    interface: get('interface'),
    priority: typeof priority === 'number' ? priority : 0,
    nameservers: texts('nameservers').flatMap((text) => canonicalIp(text) ?? []),
    // Those with a tilde say only whose questions go there.
    searchDomains: texts('domains').filter((name) => !name.startsWith('~')),
  };
}
