/** The relays of the network as the server's configuration has them: one inside, and the map that machines get. */
import { join } from 'node:path';
import type { Clock, Random } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import type { RelayPaths } from '../http/outer.ts';
import type { Hub } from '../mapper/hub.ts';
import {
  type EmbeddedRelay,
  loadRelayIdentity,
  openEmbedded,
  type RelayIdentity,
} from '../relay/embedded.ts';
import { type MapSources, RelayMap } from '../relay/map-sources.ts';
import type { Network } from '../state/network.ts';
import type { Config } from './config.ts';

export interface RelaysDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly network: Network;
  readonly hub: Hub;
  readonly identity: RelayIdentity | undefined;
  readonly serverUrl: string;
  /** The server's own certificate chain in PEM. */
  readonly serverCert: string | undefined;
}

export interface Relays extends AsyncDisposable {
  readonly embedded: EmbeddedRelay | undefined;
  /** Takes over other sources of the relay map; rejects, with everything as it was, when one can't be used. */
  apply(config: Config): Promise<void>;
  /** Machines check a certificate that nobody vouches for by its hash, which they are told anew. */
  certificateChanged(cert: string): void;
}

const sourcesOf = (config: Config): MapSources => ({
  urls: config.derpMapUrls.map((url) => new URL(url)),
  files: config.derpMapFiles,
  inline: config.derpMap,
  refreshMs: config.derpMapRefreshMs,
});

/** The embedded relay's keys; undefined when there is to be none. */
export const relayIdentity = async (
  config: Config,
  clock: Clock,
  log: Log,
): Promise<RelayIdentity | undefined> =>
  config.relay === undefined ? undefined : loadRelayIdentity(config.stateDir, clock.now(), log);

/** Opens the embedded relay and fills the hub's relay map, which is kept up to date from then on. */
export async function openRelays(config: Config, deps: RelaysDeps): Promise<Relays> {
  const { clock, random, log, hub, identity, network } = deps;
  await using stack = new AsyncDisposableStack();
  let embedded: EmbeddedRelay | undefined;
  if (config.relay !== undefined && identity !== undefined)
    embedded = stack.use(
      await openEmbedded(config.relay, {
        clock,
        random,
        log,
        network,
        identity,
        stateDir: config.stateDir,
        listen: config.listen,
        serverCert: deps.serverCert,
        serverUrl: deps.serverUrl,
      }),
    );
  const map = stack.use(
    new RelayMap(sourcesOf(config), {
      clock,
      random,
      log,
      cacheFile: join(config.stateDir, 'derp-map-cache.json'),
      changed: (merged) => hub.setDerpMap(merged),
    }),
  );
  await map.start(embedded?.map);
  const owned = stack.move();
  return {
    embedded,
    certificateChanged: (cert) => {
      if (embedded !== undefined) map.setEmbedded(embedded.mapWith(cert));
    },
    apply: (next) => map.apply(sourcesOf(next)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The relay opens a moment later than the server's listener. */
export const relayPaths = (relays: () => Relays | undefined): RelayPaths => ({
  request: (request, response) => relays()?.embedded?.routes.request(request, response) ?? false,
  upgrade: (request, socket, head) => relays()?.embedded?.routes.upgrade(request, socket, head) ?? false,
});
