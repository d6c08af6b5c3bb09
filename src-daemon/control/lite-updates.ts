/** Tells the server about this machine's new facts: one request at a time, the newest facts only (control-protocol.md §5.3). */
import type { Clock, Random } from '#shared/async/clock.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { Channel } from './channel.ts';
import { retryAfterMs } from './register.ts';
import { post, refusalOf, UNKNOWN_NODE_LIMIT } from './requests.ts';
import { Retry } from './retry.ts';

/** Facts that change together (endpoints, then hostinfo) go out together. */
const GATHER_MS = 20;
const REQUEST_TIMEOUT_MS = 30_000;

export interface LiteUpdatesOptions {
  readonly channel: Channel;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** JSON of a lite request with the facts of now. */
  readonly body: () => string;
}

export class LiteUpdates {
  readonly #options: LiteUpdatesOptions;
  readonly #retry: Retry;
  #dirty = true;
  /** Times in a row that the server said it does not know us. */
  #unknown = 0;
  #wake: (() => void) | undefined;

  constructor(options: LiteUpdatesOptions) {
    this.#options = options;
    this.#retry = new Retry(options.clock, options.random);
  }

  /** Something may have changed. */
  mark(): void {
    this.#dirty = true;
    this.#wake?.();
  }

  retryNow(): void {
    this.#retry.now();
  }

  /** Sends at once what the server may not know yet, then every change, until aborted or unknown to the server. */
  async run(signal: AbortSignal): Promise<'unknown-node'> {
    let sent = '';
    this.#dirty = true;
    this.#unknown = 0;
    // Some servers leave the map stream of a deleted machine open: then only these requests tell.
    while (this.#unknown < UNKNOWN_NODE_LIMIT) {
      await this.#untilDirty(signal);
      await this.#options.clock.sleep(GATHER_MS, signal);
      this.#dirty = false;
      const body = this.#options.body();
      if (body === sent) continue;
      if (await this.#send(body, signal)) sent = body;
    }
    return 'unknown-node';
  }

  /** False when it must be tried again, after a wait. */
  async #send(body: string, signal: AbortSignal): Promise<boolean> {
    const { channel, clock, random, log } = this.#options;
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
      await post(channel, { path: '/machine/map', body: utf8(body), what: 'update' }, limit);
      this.#retry.reset();
      this.#unknown = 0;
      return true;
    } catch (error) {
      signal.throwIfAborted();
      log('debug', 'lite-update.failed', { error: toRhumbError(error).message });
      this.#dirty = true;
      const refusal = refusalOf(error);
      this.#unknown = refusal?.status === 404 ? this.#unknown + 1 : 0;
      if (refusal?.status === 429)
        await this.#retry.waitMs(retryAfterMs(refusal.retryAfter, clock.now(), random()), signal);
      else await this.#retry.wait(signal);
      return false;
    }
  }

  #untilDirty(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#dirty) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#wake = undefined;
        signal.removeEventListener('abort', done);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
