/** Whether the database takes writes: as the last one found it, and one that refused is asked again when somebody needs to know. */
import type { Clock } from '#shared/async/clock.ts';
import type { Network } from './network.ts';

/** A disk that refused is tried again no more often than this. */
const PROBE_MS = 2_000;
const PROBE_SETTING = 'storage-probe';

export class StorageProbe {
  readonly #network: Network;
  readonly #clock: Clock;
  #probedAt = Number.NEGATIVE_INFINITY;
  #underWay: Promise<void> | undefined;

  constructor(network: Network, clock: Clock) {
    this.#network = network;
    this.#clock = clock;
  }

  /** Nobody else may be writing, least of all when all who would are turned away. */
  async isWritable(): Promise<boolean> {
    if (this.#isFailing() && this.#clock.monotonic() - this.#probedAt >= PROBE_MS) {
      this.#probedAt = this.#clock.monotonic();
      this.#underWay = this.#probe().finally(() => {
        this.#underWay = undefined;
      });
    }
    if (this.#isFailing()) await this.#underWay;
    return !this.#isFailing();
  }

  #isFailing(): boolean {
    return this.#network.storage.kind === 'failing';
  }

  async #probe(): Promise<void> {
    const write = { put: 'setting', key: PROBE_SETTING, value: String(this.#clock.now()) } as const;
    // What it says stands in `storage` then.
    await this.#network.save({ writes: [write] }).catch(() => undefined);
  }
}
