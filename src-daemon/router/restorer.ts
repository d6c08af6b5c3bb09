/** Puts back what other programs take away: a moment later, and not for ever (localapi-and-daemon.md §6.2). */
import type { Clock } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';

/** Something that may have been ours is no longer there. `pid` made the change; 0 = the kernel itself. */
export type Deletion = { readonly pid: number } & (
  | { readonly what: 'rule'; readonly priority: number }
  | { readonly what: 'route'; readonly table: number }
  /** Or the interface itself has changed. */
  | { readonly what: 'address'; readonly index: number }
  /** Rules of the firewall have changed in any way. */
  | { readonly what: 'firewall' }
  /** More than could be told. */
  | { readonly what: 'all' }
);

export interface RestorerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly watch:
    | ((onDeletion: (deletion: Deletion) => void, signal: AbortSignal) => Promise<void>)
    | undefined;
  readonly concerns: (deletion: Deletion) => boolean;
  /** Looks for what is missing of these and makes it good. */
  readonly restore: (what: ReadonlySet<Deletion['what']>) => Promise<void>;
}

/** Who deletes one rule deletes more: one answer to all, and never so fast that two programs chase each other. */
const DELAY_MS = 250;
const BURST = 10;
const REFILL_MS = 5_000;
const RETRY_MS = 60_000;
/** Our own processes' changes come back as news: their numbers are known this long. */
const OWN_PIDS = 64;
/** More different ones are as well answered by a look at everything. */
const MAX_WAITING = 64;
const ALL: Deletion = { what: 'all', pid: 0 };

export class Restorer implements AsyncDisposable {
  readonly #deps: RestorerDeps;
  readonly #stop = new AbortController();
  readonly #own: number[] = [];
  /**
   * Seen while a change of ours may still be under way, to be judged when its pid is known. Each kind once: thousands of
   * routes of our own must not hide what another took.
   */
  #waiting = new Map<string, Deletion>();
  #cancel: (() => void) | undefined;
  #isWatching = false;
  #tokens = BURST;
  #filledAtMs: number;
  #watching: Promise<void> | undefined;
  #restoring: Promise<void> = Promise.resolve();

  constructor(deps: RestorerDeps) {
    this.#deps = deps;
    this.#filledAtMs = deps.clock.monotonic();
  }

  /** Once there is something to keep; calling it again does nothing. */
  start(): void {
    const { watch } = this.#deps;
    if (watch !== undefined) this.#watching ??= this.#follow(watch);
  }

  /** What is not heard of has not changed. */
  get isWatching(): boolean {
    return this.#isWatching;
  }

  /** These processes were ours. */
  own(pids: readonly number[]): void {
    this.#own.push(...pids);
    this.#own.splice(0, this.#own.length - OWN_PIDS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#cancel?.();
    await this.#watching;
    await this.#restoring;
  }

  async #follow(watch: NonNullable<RestorerDeps['watch']>): Promise<void> {
    const { clock, log } = this.#deps;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#isWatching = true;
      try {
        await watch((deletion) => this.#heard(deletion), signal);
      } catch (error) {
        this.#isWatching = false;
        // Every change of the network looks at everything anyway.
        log('warn', 'router.watch-failed', { error: toRhumbError(error).message });
        await clock.sleep(RETRY_MS, signal).catch(() => undefined);
        // Whatever happened meanwhile was not heard.
        this.#heard(ALL);
      }
    }
  }

  #heard(deletion: Deletion): void {
    this.#waiting.set(JSON.stringify(deletion), deletion);
    if (this.#waiting.size > MAX_WAITING) this.#waiting = new Map([['', ALL]]);
    if (this.#cancel !== undefined || this.#stop.signal.aborted) return;
    this.#cancel = this.#deps.clock.after(DELAY_MS + this.#reserve(), () => {
      this.#cancel = undefined;
      this.#restoring = this.#restoring.then(() => this.#answer());
    });
  }

  async #answer(): Promise<void> {
    const { log, concerns, restore } = this.#deps;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    const heard = waiting.filter((one) => !this.#own.includes(one.pid) && concerns(one));
    const [first] = heard;
    if (first === undefined || this.#stop.signal.aborted) {
      this.#tokens = Math.min(BURST, this.#tokens + 1);
      return;
    }
    log('info', 'router.restoring', { what: first.what, pid: first.pid });
    try {
      await restore(new Set(heard.map(({ what }) => what)));
    } catch (error) {
      log('warn', 'router.restore-failed', { error: toRhumbError(error).message });
      // Nobody need ever say again that it is gone.
      this.#heard(ALL);
    }
  }

  /** How long to wait for the next turn. */
  #reserve(): number {
    const now = this.#deps.clock.monotonic();
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#filledAtMs) / REFILL_MS) - 1;
    this.#filledAtMs = now;
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens * REFILL_MS);
  }
}
