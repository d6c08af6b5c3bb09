/** Keeps the data plane at the newest wanted configuration: one change at a time, the ones between are skipped, failures are retried. */
import { backoffMs } from '#shared/async/backoff.ts';
import type { Clock, Random } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { KillSwitch } from '../router/types.ts';
import type { DataPlane, PlaneConfig } from './plane.ts';

export interface KeeperDeps {
  readonly plane: Pick<DataPlane, 'configure'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called after each attempt; `error` is for the user. */
  readonly settled: (error: string | undefined) => void;
}

/** The first retries come quickly, because what hinders is often a tool of the system that holds the lock. */
const FIRST_ATTEMPT = 10;

export class PlaneKeeper {
  readonly #deps: KeeperDeps;
  #wanted: PlaneConfig | undefined;
  #closed: KillSwitch | undefined;
  #wantedVersion = 0;
  #appliedVersion = 0;
  #attempt = 0;
  #running: Promise<void> | undefined;
  /** Why the last attempt failed. */
  #failure: string | undefined;
  #cancelRetry: (() => void) | undefined;
  #hasEnded = false;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  /** Whether what was wanted last is in force. */
  get isApplied(): boolean {
    return this.#appliedVersion === this.#wantedVersion;
  }

  /** Why what was wanted last is not in force; undefined when it is, or has not been tried. */
  get failure(): string | undefined {
    return this.isApplied ? undefined : this.#failure;
  }

  /** The same objects again are no news, but nothing at all is at first. `closed` is for while there is no configuration. */
  want(config: PlaneConfig | undefined, closed?: KillSwitch | undefined): void {
    if (this.#wantedVersion > 0 && config === this.#wanted && closed === this.#closed) return;
    this.#wanted = config;
    this.#closed = closed;
    this.#wantedVersion++;
    this.#failure = undefined;
    this.#attempt = 0;
    this.#kick();
  }

  /** Resolves when nothing is under way; a failed attempt counts. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** After what is under way, what was wanted by now is tried once more. */
  async close(): Promise<void> {
    const version = this.#wantedVersion;
    this.#hasEnded = true;
    this.#cancelRetry?.();
    const isBusy = this.#running !== undefined;
    await this.idle();
    if (isBusy && this.#appliedVersion < version) await this.#run();
  }

  #kick(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    if (this.#hasEnded || this.#running !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (!this.isApplied && this.#cancelRetry === undefined) this.#kick();
    });
  }

  async #run(): Promise<void> {
    const version = this.#wantedVersion;
    try {
      await this.#deps.plane.configure(this.#wanted, this.#closed);
      this.#appliedVersion = version;
      this.#attempt = 0;
      this.#deps.settled(undefined);
    } catch (error) {
      const text = toRhumbError(error).message;
      this.#deps.log('warn', 'plane.configure-failed', { error: text, attempt: this.#attempt });
      // A newer wish is tried at once instead.
      if (version === this.#wantedVersion) {
        this.#failure = text;
        this.#retryLater();
      }
      this.#deps.settled(text);
    }
  }

  #retryLater(): void {
    if (this.#hasEnded) return;
    const wait = backoffMs(FIRST_ATTEMPT + this.#attempt, this.#deps.random);
    this.#attempt++;
    this.#cancelRetry = this.#deps.clock.after(wait, () => {
      this.#cancelRetry = undefined;
      this.#kick();
    });
  }
}
