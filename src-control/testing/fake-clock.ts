/** A clock that moves only when a test moves it. */
import type { Clock } from '#shared/async/clock.ts';

export interface FakeClock extends Clock {
  /** Runs what falls due within `ms`, in order, letting promises settle in between. */
  advance(ms: number): Promise<void>;
  readonly pending: number;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve));
};

export function fakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let now = startMs;
  let order = 0;
  const timers = new Set<Timer>();
  const after = (ms: number, fn: () => void): (() => void) => {
    const timer = { at: now + ms, order: order++, fn };
    timers.add(timer);
    return () => timers.delete(timer);
  };
  const nextDue = (until: number): Timer | undefined =>
    [...timers].filter((one) => one.at <= until).sort((a, b) => a.at - b.at || a.order - b.order)[0];
  return {
    now: () => now,
    monotonic: () => now - startMs,
    after,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const cancel = after(ms, resolve);
        signal?.addEventListener('abort', () => {
          cancel();
          reject(signal.reason);
        });
      }),
    advance: async (ms) => {
      const until = now + ms;
      await settle();
      for (let due = nextDue(until); due !== undefined; due = nextDue(until)) {
        timers.delete(due);
        now = Math.max(now, due.at);
        due.fn();
        await settle();
      }
      now = until;
      await settle();
    },
    get pending() {
      return timers.size;
    },
  };
}
