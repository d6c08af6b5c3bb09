/** Refused calls in the log and the audit log, few enough that nobody can fill either by asking. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import type { Network } from '../state/network.ts';
import type { Actor } from '../store/records.ts';

/** Of one actor; what comes above is only counted. */
const EVERY_MS = 10_000;
const MAX_ACTORS = 1_000;

export class Refusals {
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #log: Log;
  /** When each actor's last refusal was written; least recent first. */
  readonly #written = new Map<string, number>();
  #count = 0;

  constructor(network: Network, clock: Clock, log: Log) {
    this.#network = network;
    this.#clock = clock;
    this.#log = log;
  }

  /** Since the start. */
  get count(): number {
    return this.#count;
  }

  note(by: Actor, call: string, scope: string): void {
    this.#count += 1;
    const now = this.#clock.now();
    const who = `${by.origin} ${by.id}`;
    const last = this.#written.get(who);
    if (last !== undefined && now - last < EVERY_MS) return;
    this.#written.delete(who);
    const [oldest] = this.#written.keys();
    if (this.#written.size >= MAX_ACTORS && oldest !== undefined) this.#written.delete(oldest);
    this.#written.set(who, now);
    this.#log('warn', 'call.refused', {
      call,
      scope,
      origin: by.origin,
      by: by.name,
      from: by.remoteAddress,
    });
    const entry = {
      at: now,
      actor: by,
      action: 'denied',
      target: { type: 'call', id: call, name: call },
      details: `needs ${scope}`,
    };
    // Whoever was refused need not wait for it.
    this.#network.save({ writes: [], audit: [entry], pace: 'lazy' }).catch((error: unknown) => {
      this.#log('error', 'call.refusal-not-written', { error });
    });
  }
}
