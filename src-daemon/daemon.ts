/** Builds the daemon's parts, wires them, and takes them apart again in the opposite order. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Clock, Random } from '#shared/async/clock.ts';
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { RhumbError } from '#shared/errors.ts';
import { Watch } from '#shared/localapi/notify.ts';
import type { AdjustableLog } from '#shared/node/log.ts';
import { longVersion } from '#shared/version.ts';
import { CAPABILITY_VERSION } from '#shared/wire/capability.ts';
import { Backend } from './backend/backend.ts';
import { wantsExit } from './backend/exit-choice.ts';
import { hostinfoOf } from './backend/hostinfo.ts';
import { newLockPrivate } from './backend/lock-key.ts';
import { type OsFacts, readOsFacts } from './backend/os-facts.ts';
import { Profiles } from './backend/profiles.ts';
import { TUNNEL_MTU, TunnelPlane } from './backend/tunnel-plane.ts';
import { decodeNetworkMap, encodeNetworkMap } from './control/cache.ts';
import { openControl } from './control/client.ts';
import { joinNames, type Names } from './daemon-dns.ts';
import { apiParts } from './daemon-localapi.ts';
import { clientMetrics, userMetrics } from './daemon-metrics.ts';
import { peerApiWorld } from './daemon-peerapi.ts';
import { offerWebUi, openWebUi } from './daemon-webui.ts';
import { type Picked, pickEngine } from './engine/pick.ts';
import type { PacketEngine } from './engine/types.ts';
import { lockFile } from './ffi/fd.ts';
import { type PeerCredentials, peerCredentials } from './ffi/sockets.ts';
import { Firewall } from './firewall/firewall.ts';
import type { DaemonOptions } from './flags.ts';
import { Health } from './health/health.ts';
import { closeEarly, mapCachePath, routerRecordPath, sweepTemporary, undoLeftovers } from './leftovers.ts';
import { claimSocket } from './localapi/listen.ts';
import { cachedUid, lookUpUid } from './localapi/operator.ts';
import { LocalApiServer } from './localapi/server.ts';
import { TrafficHistory } from './metrics/traffic-history.ts';
import type { Gateway } from './netmon/default-route.ts';
import { watchNetlink } from './netmon/netlink.ts';
import { NetworkMonitor } from './netmon/network-monitor.ts';
import { readSnapshot } from './netmon/snapshot.ts';
import { watchWake } from './netmon/wake.ts';
import { type Outside, openOutside } from './outside/outside.ts';
import type { PeerApiWorld } from './peerapi/caller.ts';
import { PeerApi } from './peerapi/server.ts';
import { checkForwarding, systemForwarding } from './router/forwarding.ts';
import { LinuxRouter } from './router/linux.ts';
import { watchDeletions } from './router/watch.ts';
import { openServiceManager, type ServiceManager } from './service/service-manager.ts';
import { statusText } from './service/status-text.ts';
import { chooseDiscoKey, type DiscoKeyChoice } from './store/disco-key.ts';
import { type HandshakeTime, openHandshakeTime } from './store/handshake-time.ts';
import { lockState } from './store/lock.ts';
import { FileMapCache, type MapCache } from './store/map-cache.ts';
import { FileStore, makeStateDir, memoryStore, type StateStore } from './store/state-store.ts';
import { openUnderlay } from './underlay/open.ts';
import { outsideProbes } from './underlay/system-probes.ts';

export interface System {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: AdjustableLog;
}

/** Runs until the signal fires, then undoes everything. Rejects with what to tell the user. */
export async function runDaemon(options: DaemonOptions, system: System, signal: AbortSignal): Promise<void> {
  const { clock, log } = system;
  await using parts = new AsyncDisposableStack();
  const ending = new AbortController();
  const broken = Promise.withResolvers<never>();
  const facts = readOsFacts();
  // Servers and reports of bugs want one; nothing of ours is logged anywhere else under it.
  const logId = randomBytes(32).toString('hex');
  let backend: Backend | undefined;

  const store = await openStore(options, (error) => backend?.storeReported(error), parts);
  const profiles = new Profiles({
    store,
    newPrivateKey: generatePrivate,
    newLockKey: newLockPrivate,
    newId: () => randomBytes(2).toString('hex'),
    nowMs: () => clock.now(),
  });
  await claimSocket(options.socket);
  await closeEarly(options, profiles.current().prefs, new Firewall(log), log);
  let monitor: NetworkMonitor | undefined;
  let names: Names | undefined;
  const outside = openOutside({
    clock,
    log: log.child({ mod: 'outside' }),
    store,
    hasTun: options.tun !== undefined,
    defaultInterface: () => monitor?.defaultInterface(),
    isClosed: () => backend === undefined || wantsExit(backend.prefs()),
    baseServers: async () => (await names?.manager()?.baseNameservers()) ?? [],
  });
  const { engine, reason } = await startEngine(options, outside.mark, system, parts);
  await undoLeftovers(options, log);
  const mapCache = openMapCache(options, system);
  const disco = await chooseDiscoKey(store, (await mapCache.read()) !== undefined, generatePrivate);
  const handshakeTime = openHandshakeTime(store, clock.now());
  if (engine.tunName !== undefined) names = joinNames({ ...system, outside, tunName: engine.tunName });
  if (names !== undefined) parts.use(names.resolver);
  const plane = openPlane(
    options,
    engine,
    outside,
    names,
    () => monitor?.gateway(),
    { ...disco, handshakeTime },
    peerApiWorld({
      backend: () => backend,
      plane: () => plane,
      dns: () => names?.resolver,
      metrics: () => clientMetrics(sources).text(),
    }),
    system,
    (error) => broken.reject(error),
  );
  parts.use(plane);

  backend = await Backend.open({
    ...system,
    version: longVersion(),
    profiles,
    mapCache,
    mapCodec: { encode: encodeNetworkMap, decode: decodeNetworkMap },
    plane,
    openControl: (setup, events) =>
      openControl(
        {
          ...system,
          log: log.child({ mod: 'control' }),
          ...setup,
          discoKey: plane.discoKey,
          network: { connect: outside.dial },
        },
        events,
      ),
    hostinfo: hostinfoMaker(facts, options, logId),
    os: { name: facts.os, hostname: facts.hostname },
    health: (changed) => new Health(clock, changed),
    newSessionId: () => randomBytes(16).toString('hex'),
  });
  parts.use(backend);

  monitor = await followNetwork(plane, engine, system, parts);
  const sources = {
    engine: () => plane.stats(),
    disco: () => plane.discoCounters(),
    relays: () => plane.relayCounters(),
    stun: () => plane.stunCounters(),
    home: () => plane.relays().home,
    traffic: () => plane.peers.traffic(),
    routes: () => backend?.routeCounts() ?? { advertised: 0, approved: 0 },
    peerApi: () => plane.peerApiCounters(),
    filter: () => plane.refusalCounters(),
    health: () => backend?.health,
  };
  const traffic = parts.use(openTraffic(plane, clock));
  const webUi = parts.use(openWebUi(backend, options.socket, system));
  const api = await LocalApiServer.listen({
    ...apiParts({
      ...system,
      logId,
      plane,
      traffic,
      names,
      outside,
      gateway: () => monitor?.gateway(),
      tunName: engine.tunName,
      defaultInterface: () => monitor?.snapshot.defaultRoutes[0]?.interfaceName,
      stateDir: options.statePath === undefined ? '' : options.stateDir,
    }),
    web: { link: (visitor) => webUi.link(visitor) },
    engine: { kind: engine.kind, cipher: engine.caps.aead, reason },
    backend,
    clock,
    version: longVersion(),
    capability: CAPABILITY_VERSION,
    clientMetrics: clientMetrics(sources),
    userMetrics: userMetrics(sources),
    shutdown: () => ending.abort(),
    log: log.child({ mod: 'localapi' }),
    socketPath: options.socket,
    daemonUid: process.getuid?.() ?? 0,
    credentialsOf,
    uidOf: cachedUid(lookUpUid, clock),
  });
  parts.use(api);
  await backend.start();
  using service = openServiceManager({ env: process.env, pid: process.pid, clock, log });
  const told = Promise.all([
    tellServiceManager(service, backend, ending.signal),
    offerWebUi(webUi, backend, ending.signal),
  ]);
  log('info', 'daemon.started', { version: longVersion(), tun: engine.tunName, port: engine.port });
  await Promise.race([aborted(AbortSignal.any([signal, ending.signal])), broken.promise]);
  log('info', 'daemon.ending');
  service.stopping();
  ending.abort();
  await told;
}

const openTraffic = (plane: TunnelPlane, clock: Clock): TrafficHistory =>
  new TrafficHistory({
    clock,
    look: () => plane.peers.traffic().map((peer) => ({ ...peer, isDirect: peer.path.startsWith('direct') })),
  });

/** Ready, since the local API listens and the backend has started; then each change until the end. */
async function tellServiceManager(
  service: ServiceManager,
  backend: Backend,
  signal: AbortSignal,
): Promise<void> {
  service.ready();
  const watcher = backend.watch(Watch.InitialState | Watch.NoNetMap | Watch.NoPrivateKeys, { uid: 0 });
  try {
    while ((await watcher.next(signal)) !== undefined) service.status(statusText(backend.status(false)));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function openStore(
  options: DaemonOptions,
  report: (error: unknown) => void,
  parts: AsyncDisposableStack,
): Promise<StateStore> {
  await makeStateDir(options.stateDir);
  if (options.statePath === undefined) return memoryStore();
  await makeStateDir(dirname(options.statePath));
  parts.use(await lockState(options.statePath, process.pid, lockFile));
  const { statePath, stateDir, tun } = options;
  await sweepTemporary([
    statePath,
    mapCachePath(statePath),
    ...(tun === undefined ? [] : [routerRecordPath(stateDir, tun)]),
  ]);
  const store = await FileStore.open(options.statePath, report);
  parts.defer(() => store.flush().catch(() => undefined)); // reported to health already
  return store;
}

async function startEngine(
  options: DaemonOptions,
  mark: number | undefined,
  { clock, random, log }: System,
  parts: AsyncDisposableStack,
): Promise<Picked> {
  const picked = pickEngine(process.env, {
    clock,
    random,
    log: log.child({ mod: 'engine' }),
  });
  const { engine } = picked;
  log('info', 'engine.picked', { engine: engine.kind, reason: picked.reason });
  parts.defer(() => engine.destroy());
  await engine.start({
    tun: options.tun === undefined ? { kind: 'none' } : { kind: 'device', name: options.tun },
    mtu: TUNNEL_MTU,
    port: options.port,
    mark,
    // Probes of a size say nothing when the network may cut them up (nat-traversal.md §4.5).
    dontFragment: options.pathMtuDiscovery,
  });
  if (options.tun === undefined)
    log('warn', 'tun.none', { effect: 'programs of this machine do not reach the network' });
  return picked;
}

function openMapCache({ statePath }: DaemonOptions, { clock, log }: System): MapCache {
  if (statePath === undefined) return noMapCache;
  return new FileMapCache(mapCachePath(statePath), clock, log.child({ mod: 'map-cache' }));
}

function openPlane(
  options: DaemonOptions,
  engine: PacketEngine,
  outside: Outside,
  names: Names | undefined,
  gateway: () => Gateway | undefined,
  kept: DiscoKeyChoice & { readonly handshakeTime: HandshakeTime },
  peerApi: PeerApiWorld,
  system: System,
  lost: (error: RhumbError) => void,
): TunnelPlane {
  const { log } = system;
  const tunName = engine.tunName;
  const router =
    tunName === undefined
      ? undefined
      : new LinuxRouter({
          tunName,
          recordPath: routerRecordPath(options.stateDir, options.tun ?? tunName),
          clock: system.clock,
          log: log.child({ mod: 'router' }),
          watch: watchDeletions,
        });
  return new TunnelPlane({
    ...system,
    engine,
    router,
    discoPrivate: kept.key,
    isResumed: kept.isKept,
    checkForwarding: (routes) => checkForwarding(routes, systemForwarding()),
    paths: { portPrediction: options.portPrediction, pathMtuDiscovery: options.pathMtuDiscovery },
    openUnderlay: (around) =>
      openUnderlay(
        {
          ...system,
          isPortFixed: options.port !== 0,
          gateway,
          ...outsideProbes(system.clock, outside),
        },
        around,
      ),
    handshakeTime: kept.handshakeTime,
    openNames: names?.open,
    openPeerApi: (changed) =>
      new PeerApi({ ...system, log: log.child({ mod: 'peerapi' }), world: peerApi, changed }),
    // Nothing can be saved then: the service manager starts everything anew.
    deviceLost: (detail) => lost(new RhumbError('unavailable', `the tunnel device is gone: ${detail}`)),
  });
}

async function followNetwork(
  plane: TunnelPlane,
  engine: PacketEngine,
  { clock, log }: System,
  parts: AsyncDisposableStack,
): Promise<NetworkMonitor> {
  const monitor = await NetworkMonitor.start({
    clock,
    log: log.child({ mod: 'netmon' }),
    tunName: () => engine.tunName,
    read: readSnapshot,
    watch: watchNetlink,
    watchWake,
    changed: ({ snapshot, isMajor }) => plane.networkIs(snapshot, isMajor),
  });
  parts.use(monitor);
  plane.networkIs(monitor.snapshot, false);
  return monitor;
}

function hostinfoMaker(
  facts: OsFacts,
  options: DaemonOptions,
  logId: string,
): Parameters<typeof Backend.open>[0]['hostinfo'] {
  const userspace = options.tun === undefined;
  return (prefs, { netInfo, peerApi }) =>
    hostinfoOf({ version: longVersion(), logId, facts, prefs, userspace, netInfo, peerApi });
}

/** Node keeps the descriptor of a socket in a field without a type. */
function credentialsOf(socket: Socket): PeerCredentials | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  const fd: unknown = Reflect.get(handle, 'fd');
  return typeof fd === 'number' && fd >= 0 ? peerCredentials(fd) : undefined;
}

const noMapCache: MapCache = {
  read: async () => undefined,
  put: () => undefined,
  clear: async () => undefined,
  flush: async () => undefined,
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
