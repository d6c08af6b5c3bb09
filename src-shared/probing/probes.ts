/** The network as `rhumb netcheck` sees it: sockets of its own, the router, the web; handed in so that tests stay on the loopback. */
import type { Clock, Random } from '../async/clock.ts';
import type { SockAddr } from '../ip/address.ts';
import type { Log } from '../log/log.ts';
import { mayBeCaptive } from '../netcheck/captive.ts';
import type { NetcheckOptions } from '../netcheck/check.ts';
import { defaultGateway } from '../node/gateway.ts';
import { localAddresses } from '../node/interfaces.ts';
import { httpGet, osHasIpv6, resolveBySystem, sendFromElsewhere } from '../node/net-probes.ts';
import { relayDial } from '../node/relay/dial.ts';
import { httpsLatency } from '../node/relay/latency.ts';
import { openStunSockets } from '../node/stun-sockets.ts';
import { PortMapper } from '../portmap/port-mapper.ts';

export interface ProbeOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly bindAddress: string | undefined;
  readonly bindPort: number;
  readonly receive: (from: SockAddr, datagram: Uint8Array, atMs: number) => void;
}

export interface Probes extends AsyncDisposable {
  readonly netcheck: Omit<NetcheckOptions, 'clock' | 'log' | 'isVerbose'>;
  /** This machine's own addresses. */
  readonly localIps: readonly string[];
  /** What could not be opened; the check goes on without. */
  readonly failures: readonly string[];
  readonly hasUdp: boolean;
}

export type OpenProbes = (options: ProbeOptions) => Promise<Probes>;

export const openSystemProbes =
  (random: Random): OpenProbes =>
  async ({ clock, log, bindAddress, bindPort, receive }) => {
    const sockets = await openStunSockets({ clock, bindAddress, bindPort, receive });
    const gateway = await defaultGateway();
    const portmap = new PortMapper({
      clock,
      log,
      random,
      gateway: () => gateway,
      changed: () => undefined,
    });
    const addresses = localAddresses().filter(({ isLoopback }) => !isLoopback);
    return {
      failures: sockets.failures,
      hasUdp: sockets.isOpen,
      localIps: addresses.filter(({ name }) => mayBeCaptive(name, process.platform)).map(({ ip }) => ip),
      netcheck: {
        stun: sockets,
        resolve: resolveBySystem,
        osHasIpv6,
        hairpin: sendFromElsewhere,
        https: httpsLatency(relayDial({ clock }), clock),
        portmap: (signal) => portmap.probe(signal),
        captive: {
          get: httpGet,
          platform: process.platform,
          interfaces: () => oneOfEach(addresses),
        },
      },
      [Symbol.asyncDispose]: async () => {
        await Promise.all([sockets[Symbol.asyncDispose](), portmap[Symbol.asyncDispose]()]);
      },
    };
  };

/** One IPv4 address of each interface. */
function oneOfEach(
  addresses: readonly { readonly name: string; readonly ip: string }[],
): readonly { readonly name: string; readonly ip4: string }[] {
  const found = new Map<string, string>();
  for (const { name, ip } of addresses) if (!ip.includes(':') && !found.has(name)) found.set(name, ip);
  return [...found].map(([name, ip4]) => ({ name, ip4 }));
}
