/** What a network check in the daemon asks of the operating system besides its socket. */
import type { Clock } from '#shared/async/clock.ts';
import { localAddresses } from '#shared/node/interfaces.ts';
import { httpGet, osHasIpv6, resolveBySystem, sendFromElsewhere } from '#shared/node/net-probes.ts';
import { relayDial } from '#shared/node/relay/dial.ts';
import { httpsLatency } from '#shared/node/relay/latency.ts';
import { icmpEcho } from '../ffi/icmp.ts';
import type { UnderlaySystem } from './open.ts';

export const systemProbes = (clock: Clock): UnderlaySystem['probes'] => ({
  resolve: resolveBySystem,
  osHasIpv6,
  hairpin: sendFromElsewhere,
  https: httpsLatency(relayDial({ clock }), clock),
  icmp: icmpEcho({ clock }),
  captive: {
    get: httpGet,
    platform: process.platform,
    interfaces: () =>
      localAddresses()
        .filter(({ ip, isLoopback }) => !isLoopback && !ip.includes(':'))
        .map(({ name, ip }) => ({ name, ip4: ip })),
  },
});
