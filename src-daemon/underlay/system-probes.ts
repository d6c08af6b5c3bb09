/** What a network check in the daemon asks of the operating system besides its socket. */
import { localAddresses } from '#shared/node/interfaces.ts';
import { httpGet, osHasIpv6, resolveBySystem } from '#shared/node/net-probes.ts';
import type { UnderlaySystem } from './open.ts';

export const systemProbes = (): UnderlaySystem['probes'] => ({
  resolve: resolveBySystem,
  osHasIpv6,
  captive: {
    get: httpGet,
    platform: process.platform,
    interfaces: () =>
      localAddresses()
        .filter(({ ip, isLoopback }) => !isLoopback && !ip.includes(':'))
        .map(({ name, ip }) => ({ name, ip4: ip })),
  },
});
