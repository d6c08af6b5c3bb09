/** The profile in force: what changes of it is stored first, then in force, then told. */
import type { Clock } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import { type Prefs, samePrefs } from '#shared/localapi/prefs.ts';
import type { Log } from '#shared/log/log.ts';
import type { Health } from '../health/health.ts';
import type { Bus } from './bus.ts';
import type { Knowledge } from './knowledge.ts';
import { type Profile, type Profiles, visiblePrefs } from './profiles.ts';
import type { Serial } from './serial.ts';

export interface AccountDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly profiles: Profiles;
  readonly know: Knowledge;
  readonly serial: Serial;
  readonly bus: Bus;
  readonly health: Health;
  /** Whether the store can be written may have changed. */
  readonly changed: () => void;
}

/** A full disk may have room again. */
const RETRY_MS = 30_000;

export class Account {
  readonly #deps: AccountDeps;
  readonly #know: Knowledge;
  #cancelRetry: (() => void) | undefined;
  #closed = false;

  constructor(deps: AccountDeps) {
    this.#deps = deps;
    this.#know = deps.know;
  }

  prefs(): Prefs {
    return visiblePrefs(this.#know.profile);
  }

  /** Rejects when they can't be stored, and then nothing has happened. */
  async setPrefs(wanted: Prefs): Promise<void> {
    await this.#orAsBefore(() => this.#save({ ...this.#know.profile, prefs: wanted }));
  }

  /** A profile that is to become the current one. Rejects when it can't be stored, and then nothing has happened. */
  async storeOther(profile: Profile): Promise<void> {
    await this.#orAsBefore(() => this.#deps.profiles.save(profile));
  }

  async #orAsBefore(work: () => Promise<void>): Promise<void> {
    const before = this.#know.profile;
    try {
      await work();
    } catch (error) {
      // The store keeps what it could not write for its next write, and that must not bring a refused wish into force.
      await this.#deps.profiles.save(before).catch(() => undefined); // it reports that itself
      throw error;
    }
  }

  /**
   * What the server said of us holds whether or not the disk takes it: losing a key that it knows would need another login.
   * False while it is not stored; the next write carries it.
   */
  async accept(profile: Profile): Promise<boolean> {
    try {
      await this.#save(profile);
      return true;
    } catch (error) {
      this.#know.profile = profile;
      this.#deps.log('warn', 'profile.not-stored', { error: toRhumbError(error).message });
      return false;
    }
  }

  /** Another profile takes the place of this one; it is stored already, or not yet worth it. */
  adopt(profile: Profile): void {
    this.#know.profile = profile;
    this.#know.blocked = false;
    this.#deps.bus.send({ Prefs: this.prefs() });
  }

  /** What the state store reports of each write. */
  storeReported(error: unknown): void {
    const { health, clock, changed } = this.#deps;
    this.#know.storeHealthy = error === undefined;
    const args = error === undefined ? {} : { error: toRhumbError(error).message };
    health.report('state-store-health', error !== undefined, args);
    this.#cancelRetry?.();
    this.#cancelRetry =
      error === undefined || this.#closed ? undefined : clock.after(RETRY_MS, () => void this.#storeAgain());
    changed();
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
  }

  /** Nobody hears of what a crash could take back. */
  async #save(profile: Profile): Promise<void> {
    const before = this.#know.profile;
    if (profile === before) return;
    await this.#deps.profiles.save(profile);
    this.#know.profile = profile;
    if (!samePrefs(visiblePrefs(before), visiblePrefs(profile))) this.#deps.bus.send({ Prefs: this.prefs() });
  }

  /** The store reports how it went, and so a next attempt follows. */
  async #storeAgain(): Promise<void> {
    const { serial, profiles } = this.#deps;
    await serial.run(() => profiles.save(this.#know.profile)).catch(() => undefined);
  }
}
