/** Subnet routes of a running server: approved where the policy says so, elected, and their routers probed. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { GRACE_MS } from '../mapper/presence.ts';
import { type ApprovingPolicy, AutoApproval } from '../routes/auto-approval.ts';
import { PrimaryRoutes } from '../routes/primaries.ts';
import { Probes, type Streams } from '../routes/probes.ts';
import { watchStreamLoss } from '../routes/stream-loss.ts';
import type { Meter } from '../state/meter.ts';
import type { Network } from '../state/network.ts';
import type { RoutingConfig } from './nodes-config.ts';

export interface RoutingDeps {
  readonly network: Network;
  readonly policy: ApprovingPolicy;
  readonly streams: Streams;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly serverUrl: string;
  readonly defer: (fn: () => void) => void;
}

export interface Routing extends Disposable {
  /** A machine came to the address of a probe. */
  answer(id: string): boolean;
}

const PROBE_ID_BYTES = 18;

/** `config` is asked each time: it may change. */
export function openRouting(config: () => RoutingConfig, deps: RoutingDeps): Routing {
  const { network, log, meter } = deps;
  const stack = new DisposableStack();
  stack.use(new AutoApproval(deps));
  const rules = {
    get failback() {
      return config().failback;
    },
  };
  // Who is not back by then would be shown as offline too, had it only lost its stream.
  const start = { clock: deps.clock, patienceMs: GRACE_MS };
  const primaries = stack.use(new PrimaryRoutes({ network, log, meter, rules, start }));
  stack.defer(
    watchStreamLoss({
      clock: deps.clock,
      watchStreams: (listener) => deps.streams.watchStreams(listener),
      hasStream: (id) => deps.streams.streamOf(id) !== undefined,
      isRouter: (id) => primaries.isRouter(id),
      setHealth: (health) => primaries.setHealth(health),
    }),
  );
  const probes = stack.use(
    new Probes({
      ...{ streams: deps.streams, clock: deps.clock, log, meter, serverUrl: deps.serverUrl },
      mintId: () => randomBytes(PROBE_ID_BYTES).toString('base64url'),
      get intervalMs() {
        return config().probeIntervalMs;
      },
      get timeoutMs() {
        return config().probeTimeoutMs;
      },
      routers: () => primaries.rivals(),
      found: (health) => primaries.setHealth(health),
    }),
  );
  return { answer: (id) => probes.answer(id), [Symbol.dispose]: () => stack.dispose() };
}
