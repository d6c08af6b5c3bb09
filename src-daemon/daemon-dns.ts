/** Names, put together: our resolver, whom it asks, and how this machine is told of it. */
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock, Random } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import type { NamesWorld } from './backend/tunnel-plane.ts';
import { LocalNames } from './dns/local-names.ts';
import { DnsManager } from './dns/manager.ts';
import { isHttpsOnly } from './dns/resolver/providers.ts';
import { Resolver } from './dns/resolver/resolver.ts';
import { upstreamSockets } from './dns/resolver/sockets.ts';
import { DnsService } from './dns/service/service.ts';
import { openSystemDns } from './dns/system/open.ts';
import type { Outside } from './outside/outside.ts';
import { baseServersFromFiles } from './outside/system-files.ts';

export interface NamesDeps {
  readonly outside: Outside;
  readonly tunName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Names {
  readonly resolver: Resolver;
  /** For the plane, which knows what is wanted and whom to tell of trouble. */
  readonly open: (world: NamesWorld) => LocalNames;
  readonly manager: () => DnsManager | undefined;
}

const ID_LIMIT = 0x1_0000;

export function joinNames({ outside, tunName, clock, random, log }: NamesDeps): Names {
  let manager: DnsManager | undefined;
  let tell: NamesWorld['trouble'] = () => undefined;
  const resolver = new Resolver({
    clock,
    log: log.child({ mod: 'resolver' }),
    sockets: upstreamSockets(outside.sockets, clock),
    randomId: () => randomInt(ID_LIMIT),
    resolveHost: (host) => outside.names.resolve(host),
    baseNameservers: async () => (await manager?.baseNameservers()) ?? [],
    forwardFailing: (servers) => tell('dns-forward-failing', servers),
  });
  const mod = log.child({ mod: 'dns' });
  const open: Names['open'] = ({ trouble, toHost }) => {
    tell = trouble;
    manager = new DnsManager({
      resolver,
      openSystem: (events) => openSystemDns({ tunName, events, clock, log: mod }),
      fileNameservers: () => baseServersFromFiles(),
      hasIpv6: () => hasIpv6(tunName),
      isHttpsOnly,
      trouble,
      clock,
      random,
      log: mod,
    });
    const service = new DnsService({ resolver, clock, log: mod, toHost });
    return new LocalNames({ manager, service, log: mod });
  };
  return { resolver, open, manager: () => manager };
}

/** The file is absent when the kernel has no IPv6 at all. */
async function hasIpv6(tunName: string): Promise<boolean> {
  const path = `/proc/sys/net/ipv6/conf/${tunName}/disable_ipv6`;
  return (await readFile(path, 'latin1').catch(() => '1')).trim() === '0';
}
