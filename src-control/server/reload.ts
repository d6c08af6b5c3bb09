/** The configuration while the server runs: read again on request or when its file changes, taken over where that is possible. */
import { stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { Config } from './config.ts';
import { type Key, partsOf, withPart } from './config-parts.ts';

type Apply = (config: Config) => void | Promise<void>;

/** A changed file is noticed within this time without any signal. */
const LOOK_EVERY_MS = 5_000;

export interface Reloaded {
  /** In force now. */
  readonly applied: readonly string[];
  /** Different in the file, and in force after a restart. */
  readonly needRestart: readonly string[];
}

export interface ReloadDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Throws when what is there now is no configuration. */
  readonly read: () => Config;
  /** Undefined = there is nothing to watch. */
  readonly file: string | undefined;
}

export class LiveConfig implements Disposable {
  readonly #deps: ReloadDeps;
  readonly #appliers: { readonly keys: readonly Key[]; readonly apply: Apply }[] = [];
  #current: Config;
  #seen: string | undefined;
  #cancel: (() => void) | undefined;
  #isOver = false;
  #underWay: Promise<Reloaded> | undefined;

  constructor(config: Config, deps: ReloadDeps) {
    this.#current = config;
    this.#deps = deps;
  }

  /** What is in force: of what needs a restart, still the old. */
  get current(): Config {
    return this.#current;
  }

  /**
   * These keys can change while the server runs; `apply` makes the new values hold, where that is more than reading
   * `current` the next time. What nobody registers needs a restart. When `apply` throws, the old values stay in force.
   */
  on(keys: readonly Key[], apply: Apply = () => undefined): void {
    this.#appliers.push({ keys, apply });
  }

  async watch(): Promise<void> {
    this.#seen = await this.#stamp();
    this.#arm();
  }

  /** Throws when the file can't be used; then everything stays as it is. */
  reload(): Promise<Reloaded> {
    this.#underWay ??= this.#reload().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#cancel?.();
  }

  async #reload(): Promise<Reloaded> {
    const { log } = this.#deps;
    const next = this.#deps.read();
    const [before, after] = [partsOf(this.#current), partsOf(next)];
    const changed = [...after.keys()].filter(
      (key) => !isDeepStrictEqual(plain(before.get(key)), plain(after.get(key))),
    );
    const applied: Key[] = [];
    for (const { keys, apply } of this.#appliers) {
      const mine = keys.filter((key) => changed.includes(key));
      if (mine.length === 0) continue;
      const before = this.#current;
      this.#current = mine.reduce((config, key) => withPart(config, key, next), before);
      try {
        await apply(this.#current);
        applied.push(...mine);
      } catch (error) {
        this.#current = before;
        log('error', 'config.not-applied', { keys: mine, error: toRhumbError(error).message });
      }
    }
    const needRestart = changed.filter((key) => !this.#appliers.some(({ keys }) => keys.includes(key)));
    if (changed.length > 0) log('info', 'config.reloaded', { applied, needRestart });
    if (needRestart.length > 0)
      log('warn', 'config.needs-restart', {
        keys: needRestart,
        advice: 'restart rhumb-control for these to hold',
      });
    return { applied, needRestart };
  }

  #arm(): void {
    if (this.#isOver || this.#deps.file === undefined) return;
    this.#cancel = this.#deps.clock.after(LOOK_EVERY_MS, () => void this.#look().then(() => this.#arm()));
  }

  async #look(): Promise<void> {
    const now = await this.#stamp();
    // Gone for a moment while an editor replaces it.
    if (now === undefined || now === this.#seen) return;
    this.#seen = now;
    await this.reload().catch((error: unknown) =>
      this.#deps.log('error', 'config.unusable', { error: toRhumbError(error).message }),
    );
  }

  async #stamp(): Promise<string | undefined> {
    if (this.#deps.file === undefined) return undefined;
    try {
      const { ino, mtimeMs, size } = await stat(this.#deps.file);
      return `${ino} ${mtimeMs} ${size}`;
    } catch {
      return undefined;
    }
  }
}

/** Secrets hide themselves from JSON and from comparison; what they reveal is compared instead. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof URL)
    return value instanceof URL ? value.href : value;
  if ('reveal' in value && typeof value.reveal === 'function') return String(value.reveal());
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}
