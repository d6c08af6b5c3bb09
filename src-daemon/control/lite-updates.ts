/** Tells the server about this machine's new facts: one request at a time, the newest facts only (control-protocol.md §5.3). */
import type { Clock, Random } from '#shared/async/clock.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { Channel } from './channel.ts';
import { retryAfterMs } from './register.ts';
import { post, refusalOf } from './requests.ts';
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

  /** Sends at once what the server may not know yet, then every change; ends only when aborted. */
  async run(signal: AbortSignal): Promise<never> {
    let sent = '';
    this.#dirty = true;
    while (true) {
      await this.#untilDirty(signal);
      await this.#options.clock.sleep(GATHER_MS, signal);
      this.#dirty = false;
      const body = this.#options.body();
      if (body === sent) continue;
      if (await this.#send(body, signal)) sent = body;
    }
  }

  /** False when it must be tried again, after a wait. */
  async #send(body: string, signal: AbortSignal): Promise<boolean> {
    const { channel, clock, random, log } = this.#options;
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
      await post(channel, { path: '/machine/map', body: utf8(body), what: 'update' }, limit);
      this.#retry.reset();
      return true;
    } catch (error) {
      signal.throwIfAborted();
      log('debug', 'lite-update.failed', { error: toRhumbError(error).message });
      this.#dirty = true;
      const refusal = refusalOf(error);
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
