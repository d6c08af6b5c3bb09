/** What a network check and the port mapper in the daemon ask of the operating system, all of it outside the tunnel. */
import type { Clock } from '#shared/async/clock.ts';
import { localAddresses } from '#shared/node/interfaces.ts';
import { lanFetchBy } from '#shared/node/lan-fetch.ts';
import { type OpenBound, openLanGroup, openLanSocket } from '#shared/node/lan-udp.ts';
import { httpGetBy, osHasIpv6, sendFromElsewhere } from '#shared/node/net-probes.ts';
import { type RelayDialOptions, relayDial } from '#shared/node/relay/dial.ts';
import { httpsLatency } from '#shared/node/relay/latency.ts';
import { ANNOUNCE_GROUP } from '#shared/portmap/port-mapper.ts';
import { systemDial } from '../derp/dial.ts';
import { icmpEcho } from '../ffi/icmp.ts';
import type { Outside } from '../outside/outside.ts';
import type { UnderlaySystem } from './open.ts';

export function outsideProbes(
  clock: Clock,
  { sockets, names, dial, mark }: Outside,
): Pick<UnderlaySystem, 'probes' | 'dial' | 'lan'> {
  const relays: RelayDialOptions = {
    clock,
    connect: (target, signal) => sockets.connectTcp(target, signal),
    resolve: (host, family) => names.resolve(host, family),
  };
  const openBound: OpenBound = ({ ip, port }, shared) => sockets.openUdp({ family: 4, ip, port, shared });
  return {
    dial: systemDial(relays),
    lan: {
      openUdp: (options) => openLanSocket(options, openBound),
      openAnnouncements: (options) => openLanGroup(ANNOUNCE_GROUP, options, openBound),
      fetch: lanFetchBy(dial),
    },
    probes: {
      resolve: (name) => names.resolve(name),
      osHasIpv6,
      hairpin: (to, datagram) => sendFromElsewhere(to, datagram, (family) => sockets.openUdp({ family })),
      https: httpsLatency(relayDial(relays), clock),
      icmp: icmpEcho({ clock, mark }),
      captive: {
        get: httpGetBy(dial),
        platform: process.platform,
        interfaces: () =>
          localAddresses()
            .filter(({ ip, isLoopback }) => !isLoopback && !ip.includes(':'))
            .map(({ name, ip }) => ({ name, ip4: ip })),
      },
    },
  };
}
