/** What the PeerAPI knows of the daemon: who speaks, who resolves names, and the pages about the daemon's inside. */
import { networkInterfaces } from 'node:os';
import type { Backend } from './backend/backend.ts';
import type { TunnelPlane } from './backend/tunnel-plane.ts';
import type { Dns, PeerApiWorld } from './peerapi/caller.ts';

export interface PeerApiSources {
  readonly backend: () => Backend | undefined;
  readonly plane: () => TunnelPlane | undefined;
  readonly dns: () => Dns | undefined;
  /** Prometheus text of the client metrics. */
  readonly metrics: () => string;
}

const json = (value: unknown): string =>
  `${JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? String(part) : part), 2)}\n`;

/** Neither the environment nor the arguments are shown, although official daemons do: there may be secrets in them. */
export const peerApiWorld = ({ backend, plane, dns, metrics }: PeerApiSources): PeerApiWorld => ({
  caller: (ip) => backend()?.peerCaller(ip),
  dns,
  refusedNames: () => backend()?.refusedNames ?? [],
  pages: {
    metrics,
    interfaces: () => json(networkInterfaces()),
    magicsock: () =>
      json({
        disco: plane()?.discoCounters(),
        relays: plane()?.relayCounters(),
        paths: plane()?.peers.traffic(),
      }),
    filter: () => json(plane()?.filterReport()),
    goroutines: () => json(process.getActiveResourcesInfo()),
  },
});
