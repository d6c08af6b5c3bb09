/** Sign-ins that failed, in the audit log: few enough that nobody can fill it by trying. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { networkOf } from '../auth/network-of.ts';
import { type Meter, noMeter } from '../state/meter.ts';
import type { Network } from '../state/network.ts';
import { RateLimit } from './rate-limit.ts';
import type { RequestFacts } from './visitor.ts';

const PER_NETWORK = { burst: 3, refillMs: 60_000 };
const IN_ALL = { burst: 60, refillMs: 10_000 };

export class RefusedSignIns {
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #meter: Meter;
  readonly #perNetwork: RateLimit;
  readonly #inAll: RateLimit;

  constructor(network: Network, clock: Clock, log: Log, meter: Meter = noMeter) {
    this.#network = network;
    this.#clock = clock;
    this.#log = log;
    this.#meter = meter;
    this.#perNetwork = new RateLimit(clock, PER_NETWORK.burst, PER_NETWORK.refillMs);
    this.#inAll = new RateLimit(clock, IN_ALL.burst, IN_ALL.refillMs);
  }

  /** `who` is known only where a proof named somebody. */
  note(request: RequestFacts, way: string, why: string, who = ''): void {
    this.#log('warn', 'sign-in.refused', { way, why, who, from: request.remoteAddress });
    this.#meter.count('auth_failures', { surface: 'console', reason: way });
    if (!this.#perNetwork.take(networkOf(request.remoteAddress)) || !this.#inAll.take('')) return;
    const entry = {
      at: this.#clock.now(),
      actor: { origin: 'console', id: '', name: who, remoteAddress: request.remoteAddress },
      action: 'login-refused',
      target: { type: 'sign-in', id: way, name: who },
      details: why,
    } as const;
    this.#network
      .save({ writes: [], audit: [entry], pace: 'lazy' })
      .catch((error: unknown) => this.#log('warn', 'sign-in.not-noted', { error }));
  }
}
