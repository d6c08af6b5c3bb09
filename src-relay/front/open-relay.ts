/** One relay with everything around it: the core, its listeners, STUN. What the program and the coordination server both run. */
import { lookup } from 'node:dns/promises';
import type { Clock, Random } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { NodeKey, PrivateKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { codeOf } from '#shared/node/net-error.ts';
import { type RateLimit, RelayServer } from '../core/server.ts';
import type { GateLimits } from './accept-gate.ts';
import type { Verify } from './admission.ts';
import { BootstrapDns } from './bootstrap-dns.ts';
import type { CertificateSource } from './certificates.ts';
import { openRelayFront, type RelayFront } from './front.ts';
import type { Address } from './listen.ts';
import { frontMetrics } from './metrics.ts';
import type { Home, PageDeps } from './pages.ts';
import { type RelayRoutes, relayRoutes } from './routes.ts';
import { openStunServer, type StunServer } from './stun-server.ts';
import { upgradeCounters } from './upgrade.ts';

export interface RelaySetup {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly privateKey: PrivateKey;
  /** 32 bytes that the relays of one region share. */
  readonly meshKey?: Uint8Array | undefined;
  readonly rate?: RateLimit | undefined;
  /** Undefined = everybody may come in. */
  readonly verify?: Verify | undefined;
  readonly servesDerp: boolean;
  /** Listeners of its own; undefined = only `routes`, on somebody else's. */
  readonly listen?: ListenSetup | undefined;
  readonly stun?: StunSetup | undefined;
  readonly home?: Home;
  /** Names answered at `/bootstrap-dns`: to everybody, and to who asks for them. */
  readonly bootstrapNames?: readonly string[];
  readonly unpublishedNames?: readonly string[];
}

export interface ListenSetup {
  readonly address: Address;
  /** When the port is taken: any other, with a warning, instead of giving up. */
  readonly orAnyPort?: boolean;
  readonly certificates: CertificateSource | undefined;
  readonly http: Address | undefined;
  readonly hostName: string | undefined;
  readonly gate?: GateLimits;
  readonly maxConnections?: number;
}

export interface StunSetup {
  readonly host: string;
  readonly ports: readonly number[];
  /** As for the listener. */
  readonly orAnyPort?: boolean;
  readonly answersGeneric: boolean;
}

export interface OpenRelay extends AsyncDisposable {
  readonly core: RelayServer;
  readonly publicKey: NodeKey;
  readonly front: RelayFront | undefined;
  readonly stun: StunServer | undefined;
  /** For another HTTP server. */
  readonly routes: RelayRoutes;
  metricsText(): string;
}

/** Clients come back one by one within this time, and try for so long before they look for another relay. */
const RESTARTING = { reconnectInMs: 1_000, tryForMs: 10_000 };
const LINGER_MS = 1_000;

/** Opens all listeners, or none. */
export async function openRelay(setup: RelaySetup): Promise<OpenRelay> {
  const { clock, random, log } = setup;
  await using stack = new AsyncDisposableStack();
  const core = new RelayServer({
    clock,
    random,
    log,
    privateKey: setup.privateKey,
    meshKey: setup.meshKey,
    verify: setup.verify,
    rate: setup.rate,
  });
  const published = setup.bootstrapNames ?? [];
  const unpublished = setup.unpublishedNames ?? [];
  const bootstrapDns = new BootstrapDns({ clock, random, log, resolve: resolveAll }, published, unpublished);
  stack.use(bootstrapDns);
  void bootstrapDns.refresh();
  const accept = core.accept.bind(core);
  const counters = upgradeCounters();
  const parts: { front: RelayFront | undefined; stun: StunServer | undefined } = {
    front: undefined,
    stun: undefined,
  };
  const metricsText = (): string =>
    `${core.metricsText()}${frontMetrics({ ...parts, shared: counters, bootstrapDns })}`;
  const pages: PageDeps = {
    home: setup.home ?? { kind: 'page' },
    bootstrapDns,
    servesDerp: setup.servesDerp,
    metrics: metricsText,
  };
  if (setup.stun !== undefined && setup.stun.ports.length > 0)
    parts.stun = stack.use(await openStun(setup.stun, clock, log.child({ mod: 'stun' })));
  if (setup.listen !== undefined) {
    const { address, orAnyPort = false, ...rest } = setup.listen;
    const open = (chosen: Address): Promise<RelayFront> =>
      openRelayFront({ clock, log, listen: chosen, publicKey: core.publicKey, accept, pages, ...rest });
    const opened = await open(address).catch((error: unknown) => {
      if (!orAnyPort || !isTaken(error)) throw error;
      log('warn', 'relay.port-taken', { port: address.port, advice: 'choose one with relay.listen' });
      return open({ ...address, port: 0 });
    });
    parts.front = stack.use(opened);
  }
  const routes = relayRoutes(pages, { publicKey: core.publicKey, log, accept, counters, open: new Set() });
  stack.defer(() => goodbye(core, routes, clock));
  const owned = stack.move();
  return {
    core,
    publicKey: core.publicKey,
    ...parts,
    routes,
    metricsText,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openStun(setup: StunSetup, clock: Clock, log: Log): Promise<StunServer> {
  const { host, ports, answersGeneric, orAnyPort = false } = setup;
  const open = (chosen: readonly number[]): Promise<StunServer> =>
    openStunServer({ clock, log, host, ports: chosen, answersGeneric });
  return open(ports).catch((error: unknown) => {
    if (!orAnyPort || !isTaken(error)) throw error;
    log('warn', 'stun.port-taken', { ports, advice: 'choose others with relay.stunPorts' });
    return open(ports.map(() => 0));
  });
}

const isTaken = (error: unknown): boolean =>
  error instanceof RhumbError && /^(?:EADDRINUSE|EACCES)$/.test(codeOf(error.cause) ?? '');

/** Tells everybody that the relay goes, and waits until they have been told, but not for those who don't read. */
async function goodbye(core: RelayServer, routes: RelayRoutes, clock: Clock): Promise<void> {
  const enough = new AbortController();
  const linger = clock.sleep(LINGER_MS, enough.signal).catch(() => undefined);
  await Promise.race([core.closeAll(RESTARTING), linger]);
  enough.abort();
  routes.destroyAll();
}

const resolveAll = async (name: string): Promise<readonly string[]> =>
  (await lookup(name, { all: true })).map(({ address }) => address);
