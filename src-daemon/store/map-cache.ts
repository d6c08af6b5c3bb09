/** The last network map on disk beside the state, so that peers stay reachable after a restart without the control server. */
import { readFile, rm, stat } from 'node:fs/promises';
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { writeFileAtomic } from '#shared/node/atomic-file.ts';

export interface MapCache {
  /** The text that was put last; undefined when there is none or it can't be read. */
  read(): Promise<string | undefined>;
  /** Takes the newest content; `encode` runs only when it is about to be written. Never throws. */
  put(encode: () => string): void;
  /** Forgets the map, on disk too. */
  clear(): Promise<void>;
  /** Writes what still waits. */
  flush(): Promise<void>;
}

/** Ten thousand peers make about 15 MB. */
const MAX_CACHE_BYTES = 256 * 1024 * 1024;

/** A busy network changes many times a second; each write costs a sync of the whole map. */
const MIN_INTERVAL_MS = 1_000;

export class FileMapCache implements MapCache {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #pending: (() => string) | undefined;
  #cancelTimer: (() => void) | undefined;
  #lastWrite = Number.NEGATIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();

  constructor(path: string, clock: Clock, log: Log) {
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
  }

  async read(): Promise<string | undefined> {
    try {
      if ((await stat(this.#path)).size > MAX_CACHE_BYTES) return undefined;
      return await readFile(this.#path, 'utf8');
    } catch (error) {
      // A cache that can't be read costs only time: the map comes again from the control server.
      this.#log('debug', 'map-cache.unreadable', { error });
      return undefined;
    }
  }

  put(encode: () => string): void {
    this.#pending = encode;
    if (this.#cancelTimer !== undefined) return;
    const wait = Math.max(0, this.#lastWrite + MIN_INTERVAL_MS - this.#clock.monotonic());
    this.#cancelTimer = this.#clock.after(wait, () => {
      this.#cancelTimer = undefined;
      this.#start();
    });
  }

  async clear(): Promise<void> {
    this.#drop();
    await this.#running;
    await rm(this.#path, { force: true });
  }

  async flush(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#start();
    await this.#running;
  }

  #drop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#pending = undefined;
  }

  /** Chains a write of whatever is newest when its turn comes. */
  #start(): void {
    if (this.#pending === undefined) return;
    this.#running = this.#after(this.#running);
  }

  async #after(previous: Promise<void>): Promise<void> {
    await previous;
    const encode = this.#pending;
    this.#pending = undefined;
    if (encode === undefined) return;
    this.#lastWrite = this.#clock.monotonic();
    try {
      await writeFileAtomic(this.#path, encode(), 0o600);
    } catch (error) {
      this.#log('warn', 'map-cache.write-failed', { path: this.#path, error });
    }
  }
}
