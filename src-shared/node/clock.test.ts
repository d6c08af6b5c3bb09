/** The system clock where Node's timers alone would not do. */
import { afterEach, expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';

const DAY_MS = 86_400_000;

afterEach(() => {
  vi.useRealTimers();
});

test('waits longer than a timer of Node can', () => {
  vi.useFakeTimers();
  const fired = vi.fn();
  systemClock().after(60 * DAY_MS, fired);
  // Node takes a delay beyond 2^31 ms, some 25 days, for 1 ms.
  vi.advanceTimersByTime(60 * DAY_MS - 1);
  expect(fired).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(fired).toHaveBeenCalledOnce();
});

test('a long wait can be cancelled at any time', () => {
  vi.useFakeTimers();
  const fired = vi.fn();
  const cancel = systemClock().after(60 * DAY_MS, fired);
  vi.advanceTimersByTime(59 * DAY_MS);
  cancel();
  expect(vi.getTimerCount()).toBe(0);
});

test('a long wait is over soon after a sleep that lasted longer', () => {
  vi.useFakeTimers();
  const fired = vi.fn();
  let asleepMs = 0;
  systemClock(() => performance.now() + asleepMs).after(DAY_MS, fired);
  vi.advanceTimersByTime(3_600_000);
  asleepMs = 2 * DAY_MS;
  vi.advanceTimersByTime(600_000);
  expect(fired).toHaveBeenCalledOnce();
});
