/** What keeps the server running, as the configuration has it: figures, health, backups, the audit log's length. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { watchRetention } from '../audit/retention.ts';
import { scheduleBackups } from '../backup/schedule.ts';
import { watchAddressRoom } from '../ops/address-room.ts';
import { HandshakeGate } from '../ops/handshake-gate.ts';
import { Health } from '../ops/health.ts';
import { watchLag } from '../ops/lag.ts';
import type { Metrics } from '../ops/metrics.ts';
import { openSideListener } from '../ops/side-listener.ts';
import { clientAddress } from '../ops/trusted-proxies.ts';
import { isAdmitted, isExpired, type Network } from '../state/network.ts';
import type { StorageProbe } from '../state/storage-probe.ts';
import type { LiveConfig } from './reload.ts';

export interface OpsDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly config: LiveConfig;
  readonly storage: StorageProbe;
  readonly backupFailed: (why: string) => void;
  /** By what they are about; each says whether somebody should look. Shown to everybody: without details. */
  readonly warnings: Readonly<Record<string, () => string | undefined>>;
}

export interface Ops extends AsyncDisposable {
  readonly health: Health;
  readonly handshakes: HandshakeGate;
  /** Of the listener for figures; undefined without one. */
  readonly metricsPort: number | undefined;
}

/** Keys that hold at once because they are looked at each time. */
const READ_EACH_TIME = [
  'trustedProxies',
  'maxConnections',
  'auditKeepMs',
  'webhooksMayGoInside',
  'backup',
  'keyLifetimeMs',
  'minClientVersion',
  'offerObservedAddress',
] as const;

export async function openOps(deps: OpsDeps): Promise<Ops> {
  const { network, clock, log, metrics, config } = deps;
  await using stack = new AsyncDisposableStack();
  const lag = stack.use(watchLag(clock));
  config.on(READ_EACH_TIME);
  stack.defer(
    watchRetention(network.store.audit, clock, log.child({ mod: 'audit' }), () => config.current.auditKeepMs),
  );
  const backups = stack.use(
    scheduleBackups({
      ...{ disk: network.store.disk, clock, log: log.child({ mod: 'backup' }), meter: metrics },
      settings: () => config.current.backup,
      failed: deps.backupFailed,
    }),
  );
  const room = stack.use(watchAddressRoom(network, clock, log.child({ mod: 'addresses' })));
  const warnings: OpsDeps['warnings'] = {
    ...deps.warnings,
    backups: () => (backups.failingSince === undefined ? undefined : 'no backup could be made'),
    addresses: () => (room.full.length === 0 ? undefined : 'addresses are nearly used up'),
  };
  const health = new Health({
    ...{ storage: deps.storage, lag },
    warnings: () => Object.values(warnings).flatMap((warning) => warning() ?? []),
  });
  metrics.gauges('warning', '1 where an administrator should look', 'about', () =>
    Object.entries(warnings).map(([about, warning]) => [about, Number(warning() !== undefined)] as const),
  );
  metrics.gauge('backup_made_timestamp_seconds', 'When the newest good backup was made', () =>
    backups.madeAt === undefined ? Number.NaN : backups.madeAt / 1_000,
  );
  for (const key of ['used', 'size'] as const)
    metrics.gauges(`addresses_${key}`, `Addresses of each prefix: ${key}`, 'prefix', () =>
      network.addresses.usage().map((usage) => [usage.prefix, usage[key]] as const),
    );
  metrics.gauge('loop_lag_seconds', 'Mean wait for the event loop', () => lag.meanMs / 1_000);
  metrics.gauge('loop_lag_worst_seconds', 'Longest wait for the event loop', () => lag.worstMs / 1_000);
  metrics.gauge('store_writable', '1 while the database takes writes', () =>
    Number(network.storage.kind === 'writable'),
  );
  networkGauges(metrics, network, clock);
  stack.defer(
    network.subscribeAudit((entries) => {
      for (const { actor, action } of entries)
        metrics.count('audit_entries', { origin: actor.origin, action });
    }),
  );
  const address = config.current.metricsListen;
  const side =
    address === undefined ? undefined : stack.use(await openSideListener(address, metrics, health));
  const owned = stack.move();
  const handshakes = new HandshakeGate(clock, lag, metrics);
  return { health, handshakes, metricsPort: side?.port, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function networkGauges(metrics: Metrics, network: Network, clock: Clock): void {
  metrics.gauges('nodes', 'Machines, by what they are', 'state', () => {
    const now = clock.now();
    const counts = { online: 0, offline: 0, expired: 0, waiting: 0 };
    for (const { record, isOnline } of network.nodes())
      counts[
        !isAdmitted(record) ? 'waiting' : isExpired(record, now) ? 'expired' : isOnline ? 'online' : 'offline'
      ] += 1;
    return Object.entries(counts);
  });
  metrics.gauge('users', 'Users', () => [...network.users()].length);
  metrics.gauge('auth_keys', 'Auth keys on record', () => [...network.authKeys()].length);
  metrics.gauge(
    'webhook_deliveries_waiting',
    'Deliveries that are tried again',
    () => [...network.deliveries.values()].filter((one) => one.nextAt !== undefined).length,
  );
}

/** From which address a request comes, behind the proxies that are trusted at the time. */
export const addressOf =
  (config: LiveConfig) =>
  ({ socket, headers }: IncomingMessage): string => {
    const forwarded = headers['x-forwarded-for'];
    return clientAddress(
      {
        remoteAddress: socket.remoteAddress,
        forwardedFor: Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
      },
      config.current.trustedProxies,
    );
  };
