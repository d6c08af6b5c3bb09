/** What proof of a path changes in the waiting between handshakes. */
import { expect, test } from 'vitest';
import { REKEY_TIMEOUT_MS } from './constants.ts';
import { deadline, NO_ACTIVITY, newTimers, step, type TimerEvent, type Timers } from './timers.ts';

const random = (): number => 0;
const after = (timers: Timers, event: TimerEvent, now: number) => step(timers, event, now, random);

test('a waiting initiation is repeated at once when the peer is reached, and the next one waits its time again', () => {
  const [waiting] = after(newTimers(random), { type: 'initiated' }, 1_000);
  const [reached, effects] = after(waiting, { type: 'reached' }, 1_060);
  expect(effects).toEqual(['initiate']);
  const [again] = after(reached, { type: 'initiated' }, 1_060);
  expect(deadline(again, NO_ACTIVITY)).toBe(1_060 + REKEY_TIMEOUT_MS);
});

test('a reached peer that nobody spoke to gets an initiation', () => {
  expect(after(newTimers(random), { type: 'reached' }, 1_000)[1]).toEqual(['initiate']);
});

test('one that we have just answered does not: its own handshake is under way', () => {
  const [answered] = after(newTimers(random), { type: 'responded' }, 1_000);
  expect(after(answered, { type: 'reached' }, 1_060)[1]).toEqual([]);
});
