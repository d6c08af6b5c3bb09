/** Tells of real changes of the network: events are gathered for a moment, then what is there is compared with what was. */
import type { Clock } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { defaultInterface, type Gateway, gatewayOf, isMajorChange } from './default-route.ts';
import type { NetworkSnapshot } from './snapshot.ts';

export interface NetworkChange {
  readonly snapshot: NetworkSnapshot;
  readonly addresses: boolean;
  readonly defaultRoute: boolean;
  /** The machine was asleep. */
  readonly woke: boolean;
  /** Sockets and paths are to be taken for lost; a minor change only asks for a new look (nat-traversal.md §5.10). */
  readonly isMajor: boolean;
}

export interface NetworkMonitorDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Our own tunnel, whose changes are no news. */
  readonly tunName: () => string | undefined;
  readonly read: () => Promise<NetworkSnapshot>;
  /** Calls `onEvent` whenever something may have changed, until aborted; rejects when it can't go on. */
  readonly watch: (onEvent: () => void, signal: AbortSignal) => Promise<void>;
  /** Calls `onWake` when the machine was asleep, until aborted; rejects when it can't go on. */
  readonly watchWake?: ((onWake: () => void, signal: AbortSignal) => Promise<void>) | undefined;
  readonly changed: (change: NetworkChange) => void;
}

/** Quiet for this long, or this long since the first event: an interface that flaps must not hold the news back. */
const QUIET_MS = 250;
const MAX_WAIT_MS = 1_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

export class NetworkMonitor implements AsyncDisposable {
  readonly #deps: NetworkMonitorDeps;
  readonly #stop = new AbortController();
  #snapshot: NetworkSnapshot;
  #running: Promise<unknown> = Promise.resolve();
  #hasWoken = false;
  #reading: Promise<void> | undefined;
  #firstEventAtMs: number | undefined;
  #cancelWait: (() => void) | undefined;

  private constructor(deps: NetworkMonitorDeps, snapshot: NetworkSnapshot) {
    this.#deps = deps;
    this.#snapshot = snapshot;
  }

  /** Reads the network once and then follows it. */
  static async start(deps: NetworkMonitorDeps): Promise<NetworkMonitor> {
    const monitor = new NetworkMonitor(deps, await deps.read());
    monitor.#running = Promise.all([monitor.#follow(), monitor.#followWake()]);
    return monitor;
  }

  /** As of the last change that was told. */
  get snapshot(): NetworkSnapshot {
    return this.#snapshot;
  }

  /** The default router over IPv4 and our own address towards it, as of the last change that was told. */
  gateway(): Gateway | undefined {
    return gatewayOf(this.#snapshot, this.#deps.tunName());
  }

  /** The interface of the way out, of IPv4 if there is one. */
  defaultInterface(): string | undefined {
    return defaultInterface(this.#snapshot, this.#deps.tunName());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#cancelWait?.();
    await this.#running;
    await this.#reading;
  }

  /** Watches, and begins again when the watcher breaks; what was missed meanwhile is found by reading anew. */
  async #follow(): Promise<void> {
    const { clock, log, watch } = this.#deps;
    const { signal } = this.#stop;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      const ended = watch(() => this.#schedule(), signal);
      this.#schedule();
      try {
        await ended;
      } catch (error) {
        if (clock.monotonic() - startedAt > MAX_RETRY_MS) retryMs = FIRST_RETRY_MS;
        log('warn', 'netmon.watch-failed', { error: toRhumbError(error).message, retryMs });
        await clock.sleep(retryMs, signal).catch(() => undefined);
        retryMs = Math.min(MAX_RETRY_MS, retryMs * 2);
      }
    }
  }

  /** Waking up often shows in nothing else: same network, same addresses, and every path long dead. */
  async #followWake(): Promise<void> {
    const { log, watchWake } = this.#deps;
    try {
      await watchWake?.(() => {
        log('info', 'network.woke');
        this.#hasWoken = true;
        this.#schedule();
      }, this.#stop.signal);
    } catch (error) {
      // Without it heartbeats still notice, only later.
      log('warn', 'netmon.wake-failed', { error: toRhumbError(error).message });
    }
  }

  #schedule(): void {
    if (this.#stop.signal.aborted) return;
    const { clock } = this.#deps;
    this.#firstEventAtMs ??= clock.monotonic();
    const waited = clock.monotonic() - this.#firstEventAtMs;
    this.#cancelWait?.();
    this.#cancelWait = clock.after(Math.max(0, Math.min(QUIET_MS, MAX_WAIT_MS - waited)), () => {
      this.#firstEventAtMs = undefined;
      this.#cancelWait = undefined;
      const before = this.#reading ?? Promise.resolve();
      this.#reading = before.then(() => this.#compare());
    });
  }

  async #compare(): Promise<void> {
    let snapshot: NetworkSnapshot;
    try {
      snapshot = await this.#deps.read();
    } catch (error) {
      this.#deps.log('warn', 'netmon.read-failed', { error: toRhumbError(error).message });
      return;
    }
    if (this.#stop.signal.aborted) return;
    const addresses = differs(this.#relevant(snapshot), this.#relevant(this.#snapshot));
    const defaultRoute = differs(snapshot.defaultRoutes, this.#snapshot.defaultRoutes);
    const woke = this.#hasWoken;
    const isMajor = woke || isMajorChange(this.#snapshot, snapshot, this.#deps.tunName());
    this.#hasWoken = false;
    this.#snapshot = snapshot;
    if (!addresses && !defaultRoute && !woke) return;
    this.#deps.log('info', 'network.changed', { addresses, defaultRoute, woke, isMajor });
    this.#deps.changed({ snapshot, addresses, defaultRoute, woke, isMajor });
  }

  #relevant(snapshot: NetworkSnapshot): unknown {
    const tunName = this.#deps.tunName();
    return snapshot.addresses.filter((address) => address.interfaceName !== tunName);
  }
}

const differs = (a: unknown, b: unknown): boolean => JSON.stringify(a) !== JSON.stringify(b);
