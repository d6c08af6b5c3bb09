/** The clock of a simulation: a heap of events run in order without a promise between them, a million a minute. */
import type { Clock } from '#shared/async/clock.ts';
import { settle } from '#shared/testing/fake-clock.ts';

interface Event {
  readonly atMs: number;
  /** Of two events at one time the one made first runs first. */
  readonly order: number;
  run: (() => void) | undefined;
}

const FIRST_WALL_MS = 1_700_000_000_000;

export class SimClock implements Clock {
  readonly #heap: Event[] = [];
  #order = 0;
  #nowMs = 1_000;
  #isAwaited = false;
  /** For parts that go on in microtasks nobody tells of: each event is followed by them. */
  isAlwaysAwaited = false;
  /** Events run since the start. */
  steps = 0;

  now(): number {
    return FIRST_WALL_MS + this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  get pending(): number {
    return this.#heap.length;
  }

  after(ms: number, fn: () => void): () => void {
    const event: Event = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, run: fn };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal?.aborted === true) {
      reject(signal.reason);
      return promise;
    }
    const aborted = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = this.after(ms, () => {
      signal?.removeEventListener('abort', aborted);
      this.awaited();
      resolve();
    });
    signal?.addEventListener('abort', aborted, { once: true });
    return promise;
  }

  /** A promise was settled that somebody may wait for: its reactions run before the next event. */
  awaited(): void {
    this.#isAwaited = true;
  }

  /** Runs everything that is due within `ms`, events made meanwhile included. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    if (this.#isAwaited || this.isAlwaysAwaited) await this.#react();
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= endMs; next = this.#heap[0]) {
      this.#step();
      if (this.#isAwaited || this.isAlwaysAwaited) await this.#react();
    }
    this.#nowMs = endMs;
  }

  /** The same for a world without promises. */
  run(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= endMs; next = this.#heap[0])
      this.#step();
    this.#nowMs = endMs;
  }

  async #react(): Promise<void> {
    this.#isAwaited = false;
    await settle();
  }

  #step(): void {
    const { atMs, run } = this.#pop();
    if (run === undefined) return;
    this.#nowMs = Math.max(this.#nowMs, atMs);
    this.steps += 1;
    run();
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Event;
      if (!isEarlier(event, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  #pop(): Event {
    const heap = this.#heap;
    const first = heap[0] as Event;
    const last = heap.pop() as Event;
    const size = heap.length;
    if (size === 0) return first;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      const right = heap[child + 1];
      if (right !== undefined && isEarlier(right, heap[child] as Event)) child += 1;
      const lower = heap[child] as Event;
      if (!isEarlier(lower, last)) break;
      heap[at] = lower;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

const isEarlier = (a: Event, b: Event): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
