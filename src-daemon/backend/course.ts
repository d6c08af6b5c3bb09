/** Keeps state, data plane, session and warnings in line with what the daemon knows (localapi-and-daemon.md §3.1, §3.2). */
import type { Clock, Random } from '#shared/async/clock.ts';
import { State, type StateName } from '#shared/localapi/status.ts';
import type { Log } from '#shared/log/log.ts';
import type { Health } from '../health/health.ts';
import type { Bus } from './bus.ts';
import { factsOf, isPaused } from './facts.ts';
import { reportHealth } from './health-rules.ts';
import type { Knowledge } from './knowledge.ts';
import { nextState } from './next-state.ts';
import type { DataPlane, PlaneConfig } from './plane.ts';
import { PlaneKeeper } from './plane-keeper.ts';
import { PlaneWish } from './plane-wish.ts';

export interface CourseDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly plane: DataPlane;
  readonly know: Knowledge;
  readonly bus: Bus;
  readonly health: Health;
}

const WARMING_UP_MS = 5_000;
/** From any state the last one is reached in fewer changes; more would be a loop. */
const MAX_CHANGES = 4;

export class Course {
  readonly #deps: CourseDeps;
  readonly #know: Knowledge;
  readonly #keeper: PlaneKeeper;
  readonly #wish: PlaneWish;
  #cancelWarmUp: (() => void) | undefined;
  #closed = false;

  constructor(deps: CourseDeps) {
    this.#deps = deps;
    this.#know = deps.know;
    this.#wish = new PlaneWish(deps.clock, () => this.step());
    this.#keeper = new PlaneKeeper({
      ...deps,
      settled: (error) => {
        deps.health.report('router-failed', error !== undefined, error === undefined ? {} : { error });
        this.step();
      },
    });
  }

  /** What the data plane is to be now; undefined while it is to be nothing. */
  get wished(): PlaneConfig | undefined {
    return this.#wish.for(this.#know);
  }

  /** Computes the state from the facts until it holds still, and brings everything in line with it. */
  step(): void {
    if (this.#closed) return;
    const know = this.#know;
    for (let changes = 0; changes < MAX_CHANGES; changes++) {
      const before = know.state;
      know.state = nextState(before, this.#facts());
      if (know.state === 'NeedsLogin' && before !== 'NeedsLogin') know.blocked = true;
      reportHealth(this.#deps.health, know);
      this.#want(this.#wish.for(know));
      if (know.state === before) break;
      this.#entered(before);
    }
    know.session?.client.setPaused(isPaused(know));
    this.#deps.plane.setControlUp(know.session?.up === true);
    this.#wish.watchExpiry(know.map);
  }

  /** The user has just turned it on: what follows from that alone is no trouble yet. */
  warmUp(): void {
    const { health, clock } = this.#deps;
    this.#cancelWarmUp?.();
    health.set('warming-up');
    this.#cancelWarmUp = clock.after(WARMING_UP_MS, () => health.clear('warming-up'));
  }

  /** Resolves when nothing of the data plane is under way. */
  idle(): Promise<void> {
    return this.#keeper.idle();
  }

  /** Waits until what is wanted now is in force, and no longer than this. Why it can't be; undefined when it is, or takes its time. */
  async settled(withinMs: number): Promise<string | undefined> {
    const over = new AbortController();
    const limit = this.#deps.clock.sleep(withinMs, over.signal).catch(() => undefined); // over
    await Promise.race([this.#keeper.idle(), limit]);
    over.abort();
    return this.#keeper.failure;
  }

  /** From now on nothing moves any more. */
  halt(): void {
    this.#closed = true;
    this.#cancelWarmUp?.();
    this.#wish.close();
  }

  /** Takes the data plane away. */
  async close(): Promise<void> {
    this.#want(undefined);
    await this.#keeper.close();
  }

  #want(config: PlaneConfig | undefined): void {
    this.#keeper.want(config, config === undefined ? this.#wish.closed(this.#know) : undefined);
  }

  #facts(): ReturnType<typeof factsOf> {
    return factsOf(this.#know, {
      nowMs: this.#deps.clock.now(),
      planeApplied: this.#keeper.isApplied,
      hasLivePeer: () => this.#hasLivePeer(),
    });
  }

  #hasLivePeer(): boolean {
    for (const { Key } of this.#know.map?.peers.values() ?? [])
      if (Key !== undefined && this.#deps.plane.peer(Key)?.wireguard === 'established') return true;
    return false;
  }

  #entered(before: StateName): void {
    const { state, session } = this.#know;
    this.#deps.log('info', 'state.entered', { before, after: state });
    if (state === 'Running') {
      this.#know.runningSinceMs = this.#deps.clock.now();
      if (session !== undefined) session.authUrl = '';
      this.#cancelWarmUp?.();
      this.#deps.health.clear('warming-up');
    }
    this.#deps.bus.send({ State: State[state] });
  }
}
