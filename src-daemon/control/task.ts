/** One routine that can be started, replaced and stopped; a later run begins when the earlier one is over. */
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';

export class Task {
  readonly #outer: AbortSignal;
  readonly #log: Log;
  #stop: AbortController | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(outer: AbortSignal, log: Log) {
    this.#outer = outer;
    this.#log = log;
  }

  /** Started and neither over nor cancelled. */
  get running(): boolean {
    return this.#stop !== undefined;
  }

  /** Cancels the run of before and begins when it has ended. */
  start(work: (signal: AbortSignal) => Promise<void>): void {
    this.cancel();
    const stop = new AbortController();
    this.#stop = stop;
    const signal = AbortSignal.any([this.#outer, stop.signal]);
    this.#done = this.#done
      .then(() => this.#run(work, signal))
      .then(() => {
        if (this.#stop === stop) this.#stop = undefined;
      });
  }

  cancel(): void {
    this.#stop?.abort();
    this.#stop = undefined;
  }

  /** Cancels and waits for the end. */
  async stop(): Promise<void> {
    this.cancel();
    await this.#done;
  }

  async #run(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    try {
      await work(signal);
    } catch (error) {
      // Being cancelled is how these routines end; anything else is a fault of ours.
      if (!signal.aborted) this.#log('error', 'task.failed', { error: toRhumbError(error) });
    }
  }
}
