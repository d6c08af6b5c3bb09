/** The whole coordination server: builds the parts, starts them in order, ends them in order. */
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { ServerHttp2Session } from 'node:http2';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Clock, Random } from '#shared/async/clock.ts';
import { generatePrivate, importPrivate, type X25519Private } from '#shared/crypto/x25519.ts';
import { formatPrivate, machineKeyFrom, parsePrivateKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { acceptTs2021, refuseUpgrade } from '#shared/node/ts2021-server.ts';
import type { AdminDeps } from '../admin/deps.ts';
import { Refusals } from '../admin/refusals.ts';
import { adminSocketPath, listenAdmin } from '../admin/socket.ts';
import { Credentials } from '../api/credentials.ts';
import { ApiPaths } from '../api/paths.ts';
import { PendingMachines } from '../auth/pending.ts';
import type { RegisterDeps } from '../auth/register.ts';
import { mintPendingId } from '../auth/secrets.ts';
import { Console } from '../console/console.ts';
import { type InnerDeps, serveSession } from '../http/inner.ts';
import { machineDnsCalls } from '../http/machine-dns.ts';
import { listenOuter, portOf, serveOuter } from '../http/outer.ts';
import { Hub } from '../mapper/hub.ts';
import { seal, unseal } from '../oidc/seal.ts';
import { guardDoor } from '../ops/door.ts';
import { openMetrics } from '../ops/metrics.ts';
import { checkServerUrl, type UrlVerdict } from '../ops/url-check.ts';
import { memberWith } from '../relay/embedded.ts';
import { SshCheck } from '../ssh-check/ssh-check.ts';
import { watchEphemeral } from '../state/ephemeral.ts';
import { watchExpiry } from '../state/expiry.ts';
import { watchInactive } from '../state/inactive.ts';
import { Network } from '../state/network.ts';
import { runSettings } from '../state/run-settings.ts';
import { StorageProbe } from '../state/storage-probe.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { openWebAuth } from '../web-auth/web-auth.ts';
import { Dispatcher, type Vault } from '../webhooks/dispatcher.ts';
import { openCertificate, openChallenges, serverWith } from './certificate.ts';
import { type Config, derivedServerUrl } from './config.ts';
import { type Dns, openDns } from './dns.ts';
import { followConfig } from './follow-config.ts';
import { type Oidc, openOidc, sealKey } from './oidc.ts';
import { addressOf, type Ops, openOps } from './ops.ts';
import { openPolicy } from './policy.ts';
import { openRelays, type Relays, relayIdentity, relayPaths } from './relays.ts';
import { LiveConfig } from './reload.ts';
import { openRouting } from './routing.ts';

export interface ServerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: string;
  /** The configuration as it changes; without it, it stays as it is. */
  readonly config?: LiveConfig;
  /** Memory and the like of this process among the figures. */
  readonly withProcessMetrics?: boolean;
}

export interface RunningServer extends AsyncDisposable {
  /** `host:port` it listens on. */
  readonly address: string;
  readonly serverUrl: string;
  readonly network: Network;
  readonly hub: Hub;
  readonly dns: Dns;
  readonly relays: Relays;
  /** Undefined without providers. */
  readonly oidc: Oidc | undefined;
  readonly ops: Ops;
  /** Asks itself under the URL that machines use. */
  checkUrl(signal: AbortSignal): Promise<UrlVerdict>;
  /** Looks at once whether there is another certificate. */
  reloadCertificate(): Promise<void>;
  /** Reads the policy's file at once, where it is one. */
  reloadPolicy(): Promise<void>;
  /** With which the first person comes in; undefined when there are users. */
  readonly setupCode: string | undefined;
}

/** Made by the project's set-up. */
const CONSOLE_FOLDER = join(import.meta.dirname, '..', '..', 'dist', 'console');
const DAY_MS = 86_400_000;
const NOISE_KEY = 'noise-key';
/** Streams have this long to end in order before their connections are cut. */
const LINGER_MS = 500;

export async function startServer(config: Config, deps: ServerDeps): Promise<RunningServer> {
  const { clock, log } = deps;
  await using stack = new AsyncDisposableStack();
  const live =
    deps.config ?? stack.use(new LiveConfig(config, { clock, log, read: () => config, file: undefined }));
  const metrics = openMetrics(deps.withProcessMetrics ?? false);
  // Opens after those who have something to tell.
  let webhooks: Dispatcher | undefined;
  const tls = await openCertificate(config, {
    clock,
    log: log.child({ mod: 'tls' }),
    meter: metrics,
    failed: (why) =>
      webhooks?.tell('certificateRenewalFailed', `The certificate could not be renewed: ${why}`),
  });
  const certificate = tls?.source;
  if (certificate !== undefined) stack.use(certificate);
  const stateLog = log.child({ mod: 'state' });
  const store = await openSqliteStore(config.stateDir, clock.now(), stateLog);
  const network = await Network.open({
    ...{ store, clock, log: stateLog, defer: setImmediate, meter: metrics },
    addresses: config.addresses,
  });
  stack.use(network);
  const controlKey = await loadNoiseKey(network);

  const relayLog = log.child({ mod: 'relay' });
  const identity = await relayIdentity(config, clock, relayLog);
  const outer = await listenOuter({
    ...config.listen,
    makeServer: serverWith(certificate, identity?.metaCertificate ?? '', log.child({ mod: 'tls' })),
  });
  stack.defer(() => closeServer(outer));
  const door = guardDoor(outer, {
    ...{ clock, meter: metrics },
    maxConnections: () => live.current.maxConnections,
    trustedProxies: () => live.current.trustedProxies,
  });
  const challenges = await openChallenges(config, certificate);
  if (challenges !== undefined) stack.use(challenges);
  const serverUrl = config.serverUrl ?? derivedServerUrl(config, portOf(outer));
  if (config.serverUrl === undefined && /^(::|0\.0\.0\.0)$/.test(config.listen.host))
    log('warn', 'config.server-url-guessed', {
      serverUrl,
      advice: 'set --server-url to what machines can reach',
    });

  const policy = stack.use(
    await openPolicy(config, {
      network,
      clock,
      log: log.child({ mod: 'policy' }),
      serverUrl,
      meter: metrics,
      testsFailed: (lines) =>
        webhooks?.tell('policyTestsFailing', `Tests of the policy fail: ${lines.join('; ')}`.slice(0, 2_000)),
    }),
  );
  const pending = new PendingMachines(clock, mintPendingId);
  stack.defer(() => pending.clear());
  const register: RegisterDeps = {
    network,
    pending,
    clock,
    log: log.child({ mod: 'auth' }),
    serverUrl,
    policy: policy.live,
    tailnet: config.baseDomain,
    meter: metrics,
    get keyLifetimeMs() {
      const days = runSettings(network).devicesKeyDurationDays;
      return days === null ? live.current.keyLifetimeMs : days * DAY_MS;
    },
    needsApproval: () => live.current.deviceApproval || runSettings(network).devicesApprovalOn,
  };
  const dns = stack.use(
    await openDns(config, {
      ...{ network, clock, log: log.child({ mod: 'dns' }), serverUrl },
      ...{ policy: policy.live, meter: metrics },
    }),
  );
  const hub = new Hub({
    network,
    policy: policy.live,
    dns: dns.view,
    clock,
    random: deps.random,
    log: log.child({ mod: 'mapper' }),
    baseDomain: config.baseDomain,
    derpMap: undefined,
    meter: metrics,
  });

  hub.hold();
  const channels = new Map<ServerHttp2Session, Duplex>();
  stack.defer(() => closeChannels(channels, clock));
  stack.defer(() => hub.close());
  const routing = stack.use(
    openRouting(() => live.current.routing, {
      ...{ network, policy: policy.live, streams: hub, clock, log: log.child({ mod: 'routes' }) },
      ...{ meter: metrics, serverUrl, defer: setImmediate },
    }),
  );
  stack.defer(watchExpiry(network, clock, log.child({ mod: 'expiry' })));
  const ephemeral = stack.use(
    watchEphemeral(network, clock, log.child({ mod: 'ephemeral' }), config.ephemeralTimeoutMs),
  );
  const inactiveLog = log.child({ mod: 'inactive' });
  stack.defer(watchInactive(network, clock, inactiveLog, () => live.current.deleteInactiveMs));

  // Whoever comes before everything is there waits: a machine must not be told for a moment that there are no relays.
  const started = Promise.withResolvers<void>();
  let relays: Relays | undefined;
  let oidc: Oidc | undefined;
  let webConsole: Console | undefined;
  let api: ApiPaths | undefined;
  const web = openWebAuth({
    ...{ network, clock, log: log.child({ mod: 'web-auth' }), serverUrl, meter: metrics },
  });
  const sshCheck = new SshCheck({
    ...{ network, clock, log: log.child({ mod: 'ssh' }), serverUrl },
    ...{ rules: policy.live, mintId: mintPendingId },
  });
  stack.defer(() => sshCheck.waiting.clear());
  const storage = new StorageProbe(network, clock);
  const inner: InnerDeps = {
    isWritable: () => storage.isWritable(),
    sshCheck,
    register,
    hub,
    log: log.child({ mod: 'http' }),
    get minVersion() {
      return live.current.minClientVersion;
    },
    get offerObserved() {
      return live.current.offerObservedAddress;
    },
    calls: machineDnsCalls(dns),
  };
  const vault: Vault = {
    seal: (about, plain) => seal(sealKey(config.stateDir), about, plain),
    unseal: (about, sealed) => unseal(sealKey(config.stateDir), about, sealed),
  };
  const dispatcher = stack.use(
    new Dispatcher({
      ...{ network, clock, random: deps.random, log: log.child({ mod: 'webhooks' }), meter: metrics, vault },
      place: { tailnet: config.baseDomain, serverUrl },
      allowsInside: () => live.current.webhooksMayGoInside,
    }),
  );
  webhooks = dispatcher;
  const ops = stack.use(
    await openOps({
      ...{ network, clock, log, metrics, config: live, storage },
      backupFailed: (why) => dispatcher.tell('backupFailed', `No backup could be made: ${why}`),
      warnings: {
        policy: () => (policy.book.problem === undefined ? undefined : 'the newest policy is not in force'),
        'policy-tests': () => (policy.tests.failing.length === 0 ? undefined : 'tests of the policy fail'),
        certificate: () => (tls?.problem === undefined ? undefined : 'the certificate could not be renewed'),
      },
    }),
  );
  const address = addressOf(live);
  metrics.gauge('connections', 'Connections to the listener', () => door.open);
  metrics.gauge('map_streams', 'Map streams', () => hub.streamCount);
  metrics.gauge('pending_registrations', 'Machines that wait for approval', () => pending.list().length);
  serveOuter(outer, {
    register,
    addressOf: address,
    health: ops.health,
    log: inner.log,
    publicKey: machineKeyFrom(controlKey.publicRaw),
    version: deps.version,
    relay: relayPaths(() => relays),
    ready: started.promise,
    probeAnswered: (id) => routing.answer(id),
    console: () => webConsole,
    api: () => api,
    web,
    sshCheck,
    signIn: () => oidc?.signIn,
    mayRelay: (key) => memberWith(network, key, clock.now()) !== undefined,
    onUpgrade: (request, socket, head) => {
      if (!ops.handshakes.admit()) return refuseUpgrade(socket, 503, 'too many at once: try again');
      acceptTs2021(request, socket, head, {
        controlKey,
        log: inner.log,
        onSession: (session, peer) => {
          channels.set(session, socket);
          session.once('close', () => channels.delete(session));
          door.settled(request.socket);
          serveSession(inner, session, { ...peer, remoteAddress: address(request) });
        },
      });
    },
  });
  relays = stack.use(
    await openRelays(config, {
      ...{ clock, random: deps.random, log: relayLog, network, hub, identity, serverUrl },
      serverCert: certificate?.current?.cert,
    }),
  );
  certificate?.onChange(({ cert }) => relays?.certificateChanged(cert));
  metrics.append(() => relays?.embedded?.relay.metricsText() ?? '');
  const oidcDeps = { register, random: deps.random, log: log.child({ mod: 'oidc' }) };
  oidc = await openOidc(config, oidcDeps);
  oidc?.start();
  stack.defer(async () => oidc?.[Symbol.asyncDispose]());
  followConfig(live, {
    ...{ dns, relays, ephemeral },
    replaceOidc: async (next) => {
      const fresh = await openOidc(next, oidcDeps);
      const old = oidc;
      oidc = fresh;
      await old?.[Symbol.asyncDispose]();
      fresh?.start();
    },
  });
  started.resolve();
  ops.health.started();
  const adminLog = log.child({ mod: 'admin' });
  const adminDeps: AdminDeps = {
    ...{ network, clock, log: adminLog, baseDomain: config.baseDomain, dns: dns.view, policy: policy.book },
    refusals: new Refusals(network, clock, adminLog),
    stateDir: config.stateDir,
    live: {
      sshCheck,
      register,
      derpMap: () => hub.derpMap,
      webhooks: { vault, dispatcher, allowsInside: () => live.current.webhooksMayGoInside },
      backupFolder: () => live.current.backup?.folder,
      signIn: () => oidc?.signIn,
    },
  };
  const apiLog = log.child({ mod: 'api' });
  api = new ApiPaths(
    {
      admin: { ...adminDeps, log: apiLog },
      credentials: new Credentials(network, clock, apiLog),
      meter: metrics,
      version: deps.version,
      events: (response, watcher) => webConsole?.listen(response, watcher) ?? false,
    },
    setImmediate,
  );
  webConsole = stack.use(
    new Console({
      ...{ admin: adminDeps, pending, serverUrl, version: deps.version },
      auth: web.auth,
      folder: CONSOLE_FOLDER,
    }),
  );
  const admin = await listenAdmin(adminSocketPath(config.stateDir), adminDeps);
  stack.defer(() => closeServer(admin));

  // The first thing to end: nobody new gets in while the rest winds down.
  stack.defer(() => {
    ops.health.draining();
    outer.close();
  });

  const owned = stack.move();
  const host = config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host;
  return {
    address: `${host}:${portOf(outer)}`,
    serverUrl,
    network,
    hub,
    dns,
    relays,
    get oidc() {
      return oidc;
    },
    ops,
    checkUrl: (signal) =>
      checkServerUrl({ serverUrl, controlKey: machineKeyFrom(controlKey.publicRaw), clock, signal }),
    reloadCertificate: async () => certificate?.reload(),
    reloadPolicy: () => policy.reload(),
    setupCode: web.setupCode,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The key that clients know us by; made once, and with it every client would have to be told anew if it were lost. */
async function loadNoiseKey(network: Network): Promise<X25519Private> {
  const known = network.setting(NOISE_KEY);
  if (known !== undefined) return importPrivate(parsePrivateKey(known));
  const fresh = generatePrivate();
  await network.save({ writes: [{ put: 'setting', key: NOISE_KEY, value: formatPrivate(fresh) }] });
  return importPrivate(fresh);
}

async function closeChannels(channels: ReadonlyMap<ServerHttp2Session, Duplex>, clock: Clock): Promise<void> {
  const sessions = [...channels.keys()];
  const closed = sessions.map((session) => new Promise<void>((resolve) => session.once('close', resolve)));
  for (const session of sessions) session.close();
  const enough = new AbortController();
  const linger = clock.sleep(LINGER_MS, enough.signal).catch(() => undefined);
  await Promise.race([Promise.all(closed), linger]);
  enough.abort();
  // Not the sessions: one that was told to close waits for its peer, which may never do its part.
  for (const socket of channels.values()) socket.destroy();
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

/** A source of numbers in [0, 1) for jitter. */
export const systemRandom: Random = () => randomBytes(4).readUInt32LE() / 2 ** 32;
