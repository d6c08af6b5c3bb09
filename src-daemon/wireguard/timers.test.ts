/** Every edge of a peer's timers (data-plane.md §1.9), and that no sequence of events breaks them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type ActivityWords,
  deadline,
  NO_ACTIVITY,
  newTimers,
  step,
  type TimerEffect,
  type TimerEvent,
  type Timers,
} from './timers.ts';

/** No jitter, unless a test wants it. */
const random = (): number => 0;
const START = 1_000_000;

interface Run {
  timers: Timers;
  readonly effects: TimerEffect[];
}

const begin = (): Run => ({ timers: newTimers(random), effects: [] });

function feed(run: Run, event: TimerEvent, now: number): readonly TimerEffect[] {
  const [timers, effects] = step(run.timers, event, now, random);
  run.timers = timers;
  run.effects.push(...effects);
  // What the core does with the effect: the initiation leaves at once.
  if (effects.includes('initiate')) [run.timers] = step(run.timers, { type: 'initiated' }, now, random);
  return effects;
}

const tick = (run: Run, now: number, words: Partial<ActivityWords> = {}): readonly TimerEffect[] =>
  feed(run, { type: 'tick', words: { ...NO_ACTIVITY, ...words } }, now);

const want = (run: Run, now: number, onReceive = false): readonly TimerEffect[] =>
  feed(run, { type: 'wanted', onReceive }, now);

test('an unanswered initiation is repeated soon twice, then every five seconds, then given up', () => {
  const run = begin();
  want(run, START);
  let now = START;
  const waits: number[] = [];
  for (
    let at = deadline(run.timers, NO_ACTIVITY);
    run.timers.phase.kind === 'waiting' && at !== undefined;
  ) {
    waits.push(at - now);
    now = at;
    tick(run, now);
    at = deadline(run.timers, NO_ACTIVITY);
  }
  expect(waits).toEqual([1_000, 2_000, ...Array<number>(20).fill(5_000)]);
  expect(run.effects.filter((effect) => effect === 'initiate')).toHaveLength(22);
  expect(run.effects.at(-1)).toBe('give-up');
  expect(deadline(run.timers, NO_ACTIVITY)).toBe(now + 540_000);
});

test('new need during the wait begins the count anew but sends nothing early', () => {
  const run = begin();
  want(run, START);
  for (let i = 1; i <= 10; i++) tick(run, START + i * 5_000);
  expect(run.timers.phase).toMatchObject({ kind: 'waiting', attempts: 10 });
  expect(want(run, START + 51_000)).toEqual([]);
  expect(run.timers.phase).toMatchObject({ kind: 'waiting', attempts: 0 });
});

test('repetition is spread by up to a third of a second', () => {
  const [timers] = step(
    newTimers(() => 0.5),
    { type: 'initiated' },
    START,
    () => 0.999,
  );
  expect(deadline(timers, NO_ACTIVITY)).toBeCloseTo(START + 1_000 + 332.667, 2);
});

test('no initiation leaves within five seconds of a response, and the need is not forgotten', () => {
  const run = begin();
  feed(run, { type: 'responded' }, START);
  expect(want(run, START + 1_000)).toEqual([]);
  expect(deadline(run.timers, NO_ACTIVITY)).toBe(START + 5_000);
  expect(tick(run, START + 4_999)).toEqual([]);
  expect(tick(run, START + 5_000)).toEqual(['initiate']);
});

test('a confirmed response ends that need', () => {
  const run = begin();
  feed(run, { type: 'responded' }, START);
  want(run, START + 1_000);
  feed(run, { type: 'completed' }, START + 1_001);
  expect(tick(run, START + 10_000)).toEqual([]);
});

test('fifteen seconds of silence after data bring a handshake, once', () => {
  const run = begin();
  const words = { unansweredSince: START, lastTxAny: START };
  expect(deadline(run.timers, { ...NO_ACTIVITY, ...words })).toBe(START + 15_000);
  expect(tick(run, START + 14_999, words)).toEqual([]);
  expect(tick(run, START + 15_000, words)).toEqual(['initiate']);
  expect(tick(run, START + 15_001, words)).toEqual([]);
});

test('after giving up, silence counts again only when more was sent', () => {
  const run = begin();
  const words = { unansweredSince: START, lastTxAny: START };
  tick(run, START + 15_000, words);
  let now = START + 15_000;
  while (run.effects.at(-1) !== 'give-up') {
    now += 5_000;
    tick(run, now, words);
  }
  expect(tick(run, now + 100_000, words)).toEqual([]);
  const more = { ...words, lastTxAny: now + 100_000 };
  expect(deadline(run.timers, { ...NO_ACTIVITY, ...more })).toBe(now + 15_000);
  expect(tick(run, now + 100_001, more)).toEqual(['initiate']);
});

test('a keepalive is owed ten seconds after data, once for each time it is owed', () => {
  const run = begin();
  const words = { keepaliveOwedSince: START };
  expect(tick(run, START + 9_999, words)).toEqual([]);
  expect(tick(run, START + 10_000, words)).toEqual(['keepalive']);
  expect(tick(run, START + 20_000, words)).toEqual([]);
  expect(tick(run, START + 20_000, { keepaliveOwedSince: START + 9_999 })).toEqual(['keepalive']);
});

test('giving up calls an owed keepalive off', () => {
  const run = begin();
  want(run, START);
  let now = START;
  while (run.effects.at(-1) !== 'give-up') {
    now += 5_000;
    tick(run, now, { keepaliveOwedSince: now });
  }
  expect(tick(run, now + 50_000, { keepaliveOwedSince: now })).toEqual([]);
});

test('renewal on receipt is asked once per keypair', () => {
  const run = begin();
  feed(run, { type: 'completed' }, START);
  expect(want(run, START + 166_000, true)).toEqual(['initiate']);
  feed(run, { type: 'completed' }, START + 166_100);
  expect(want(run, START + 166_200, true)).toEqual([]);
  expect(run.timers.renewedOnReceive).toBe(true);
  feed(run, { type: 'completed' }, START + 400_000);
  expect(want(run, START + 600_000, true)).toEqual(['initiate']);
  expect(want(run, START + 600_001, true)).toEqual([]);
});

test('keys are erased nine minutes after they were derived, and each derivation starts that anew', () => {
  const run = begin();
  feed(run, { type: 'completed' }, START);
  feed(run, { type: 'responded' }, START + 100_000);
  expect(tick(run, START + 600_000)).toEqual([]);
  expect(tick(run, START + 640_000)).toEqual(['erase']);
  expect(deadline(run.timers, NO_ACTIVITY)).toBeUndefined();
});

test('a persistent keepalive goes at once and then after each pause', () => {
  const run = begin();
  feed(run, { type: 'persistent', ms: 25_000 }, START);
  expect(tick(run, START)).toEqual(['keepalive']);
  expect(deadline(run.timers, NO_ACTIVITY)).toBe(START + 25_000);
  expect(tick(run, START + 25_000, { lastRxAny: START + 5_000 })).toEqual([]);
  expect(tick(run, START + 30_000, { lastRxAny: START + 5_000 })).toEqual(['keepalive']);
  feed(run, { type: 'persistent', ms: 0 }, START + 31_000);
  expect(tick(run, START + 99_000, { lastRxAny: START + 5_000 })).toEqual([]);
});

test('another identity may call at once', () => {
  const run = begin();
  want(run, START);
  feed(run, { type: 'identity-changed' }, START + 1);
  expect(want(run, START + 2)).toEqual(['initiate']);
});

/** One event on timers given by value: what proof of a path changes in the waiting between handshakes. */
const after = (timers: Timers, event: TimerEvent, now: number) => step(timers, event, now, random);

test('a waiting initiation is repeated at once when the peer is reached, and the next one waits its time again', () => {
  const [waiting] = after(newTimers(random), { type: 'initiated' }, 1_000);
  const [reached, effects] = after(waiting, { type: 'reached' }, 1_060);
  expect(effects).toEqual(['initiate']);
  const [again] = after(reached, { type: 'initiated' }, 1_060);
  expect(deadline(again, NO_ACTIVITY)).toBe(1_060 + 2_000);
});

test('traffic that keeps asking brings no more early repetitions', () => {
  const run = begin();
  want(run, START);
  tick(run, START + 1_000);
  tick(run, START + 3_000);
  for (let now = START + 3_100; now < START + 8_000; now += 100) expect(want(run, now)).toEqual([]);
  expect(deadline(run.timers, NO_ACTIVITY)).toBe(START + 8_000);
});

test('on another path a waiting initiation is repeated at once, unless it has only just left', () => {
  const [waiting] = after(newTimers(random), { type: 'initiated' }, 1_000);
  expect(after(waiting, { type: 'path-changed' }, 1_050)[1]).toEqual([]);
  const [soon] = after(waiting, { type: 'path-changed' }, 1_050);
  expect(after(soon, { type: 'tick', words: NO_ACTIVITY }, 1_299)[1]).toEqual([]);
  expect(after(soon, { type: 'tick', words: NO_ACTIVITY }, 1_300)[1]).toEqual(['initiate']);
  expect(after(waiting, { type: 'path-changed' }, 1_100)[1]).toEqual(['initiate']);
  expect(after(newTimers(random), { type: 'path-changed' }, 1_000)[1]).toEqual([]);
  const [answered] = after(newTimers(random), { type: 'responded' }, 1_000);
  expect(after(answered, { type: 'path-changed' }, 5_000)[1]).toEqual([]);
});

test('a reached peer that nobody spoke to gets an initiation', () => {
  expect(after(newTimers(random), { type: 'reached' }, 1_000)[1]).toEqual(['initiate']);
});

test('one that we have just answered does not: its own handshake is under way', () => {
  const [answered] = after(newTimers(random), { type: 'responded' }, 1_000);
  expect(after(answered, { type: 'reached' }, 1_060)[1]).toEqual([]);
});

test('no sequence of events throws, stalls, or lets more than three initiations come within five seconds', () => {
  const word = fc.oneof(fc.constant(0), fc.integer({ min: START, max: START + 400_000 }));
  const event: fc.Arbitrary<TimerEvent> = fc.oneof(
    fc.record({ type: fc.constant('wanted' as const), onReceive: fc.boolean() }),
    fc.constant({ type: 'responded' as const }),
    fc.constant({ type: 'completed' as const }),
    fc.record({ type: fc.constant('persistent' as const), ms: fc.constantFrom(0, 25_000) }),
    fc.record({
      type: fc.constant('tick' as const),
      words: fc.record({
        unansweredSince: word,
        keepaliveOwedSince: word,
        lastTxAny: word,
        lastRxAny: word,
      }),
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(8_000), event), { maxLength: 80 }), (steps) => {
      const run = begin();
      let now = START;
      const initiations: number[] = [];
      for (const [pause, one] of steps) {
        now += pause;
        if (feed(run, one, now).includes('initiate')) {
          initiations.push(now);
          expect(now - (initiations.at(-2) ?? 0)).toBeGreaterThanOrEqual(1_000);
          // Two early repetitions belong to each handshake, and a new one begins five seconds after the last message.
          expect(now - (initiations.at(-4) ?? 0)).toBeGreaterThanOrEqual(5_000);
        }
        // A second tick at the same instant finds nothing left to do: whoever sleeps until the deadline makes progress.
        if (one.type === 'tick') expect(feed(run, one, now)).toEqual([]);
      }
    }),
    { numRuns: 500 },
  );
});
