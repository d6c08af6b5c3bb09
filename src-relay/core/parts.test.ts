/** The small parts of the relay: timer wheel, token bucket, ring, gate, sources. */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { TokenBucket } from './bucket.ts';
import { SourceGate, sourceOf } from './gate.ts';
import { Ring } from './ring.ts';
import { Sources } from './sources.ts';
import { NOT_TIMED, type Timed, TimerWheel } from './wheel.ts';

class Alarm implements Timed {
  wheelSlot = NOT_TIMED;
  wheelNext: Timed | undefined;
  wheelPrevious: Timed | undefined;
  readonly firedAt: number[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  onTime(): void {
    this.firedAt.push(this.#now());
  }
}

test('each alarm rings once, never early, and half a second late at most', async () => {
  const waits = fc.array(fc.tuple(fc.integer({ min: 0, max: 120_000 }), fc.integer({ min: 0, max: 9_000 })), {
    maxLength: 30,
  });
  const property = fc.asyncProperty(waits, async (list) => {
    const clock = new FakeClock({ monotonicMs: 123.4 });
    const wheel = new TimerWheel(clock);
    const due: [Alarm, number][] = [];
    for (const [waitMs, pauseMs] of list) {
      await clock.advance(pauseMs);
      const alarm = new Alarm(() => clock.monotonic());
      wheel.arm(alarm, waitMs);
      due.push([alarm, clock.monotonic() + waitMs]);
    }
    await clock.advance(130_000);
    for (const [alarm, atMs] of due) {
      expect(alarm.firedAt).toHaveLength(1);
      expect(alarm.firedAt[0]).toBeGreaterThanOrEqual(atMs);
      expect(alarm.firedAt[0]).toBeLessThanOrEqual(atMs + 500);
    }
    expect(clock.pending).toBe(0);
  });
  await fc.assert(property, { numRuns: 25 });
});

test('a cancelled or re-armed alarm does not ring at its old time', async () => {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  const [first, second, third] = [1, 2, 3].map(() => new Alarm(() => clock.monotonic()));
  if (first === undefined || second === undefined || third === undefined) throw new TypeError();
  const began = clock.monotonic();
  for (const alarm of [first, second, third]) wheel.arm(alarm, 1_000);
  wheel.cancel(second);
  wheel.arm(third, 5_000);
  await clock.advance(10_000);
  expect([first, second, third].map((alarm) => alarm.firedAt.length)).toEqual([1, 0, 1]);
  expect(third.firedAt[0]).toBeGreaterThanOrEqual(began + 5_000);
  expect(clock.pending).toBe(0);
});

test('ten thousand alarms are one timer', () => {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  for (let i = 0; i < 10_000; i++) wheel.arm(new Alarm(() => 0), 60_000 + (i % 5_000));
  expect(clock.pending).toBe(1);
});

test('after a long quiet time it works as before', async () => {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  await clock.advance(3_600_000);
  const alarm = new Alarm(() => clock.monotonic());
  wheel.arm(alarm, 1_000);
  await clock.advance(1_600);
  expect(alarm.firedAt).toHaveLength(1);
});

test('a bucket gives its burst, then its rate, and never more than it holds', () => {
  const bucket = new TokenBucket(10, 3, 0);
  const taken = (nowMs: number): number => {
    let count = 0;
    while (bucket.take(1, nowMs)) count++;
    return count;
  };
  expect([taken(0), taken(99), taken(100), taken(350), taken(60_000)]).toEqual([3, 0, 1, 2, 3]);
});

test('who borrows has to wait as long as the rate says', () => {
  const bucket = new TokenBucket(1_000, 100, 0);
  expect(bucket.borrow(100, 0)).toBe(0);
  expect(bucket.borrow(50, 0)).toBeCloseTo(50);
  expect(bucket.borrow(50, 50)).toBeCloseTo(50);
  // A clock that goes back takes nothing away.
  expect(bucket.borrow(0, 20)).toBeCloseTo(50);
});

test('a full ring loses its oldest', () => {
  const frame = (n: number): Buffer => Buffer.from([n]);
  const ring = new Ring(3);
  const lost: (number | undefined)[] = [];
  for (let n = 0; n < 10; n++) lost.push(ring.push(frame(n), n)?.[0]);
  expect(lost).toEqual([undefined, undefined, undefined, 0, 1, 2, 3, 4, 5, 6]);
  expect([ring.length, ring.headSinceMs]).toEqual([3, 7]);
  expect([ring.shift(), ring.shift(), ring.shift(), ring.shift()]).toEqual([
    frame(7),
    frame(8),
    frame(9),
    undefined,
  ]);
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['127.0.0.1', undefined],
  ['::ffff:127.0.0.5', undefined],
  ['::1', undefined],
  ['what', 'what'],
])('%s counts as %s', (ip, source) => expect(sourceOf(ip)).toBe(source));

test('a place is given back once', () => {
  const gate = new SourceGate(1);
  const leave = gate.enter('192.0.2.1');
  expect(gate.enter('192.0.2.1')).toBeUndefined();
  leave?.();
  leave?.();
  expect(gate.sources).toBe(0);
  expect(gate.enter('192.0.2.1')).toBeDefined();
  expect(gate.enter('192.0.2.1')).toBeUndefined();
});

test('a source that is gone is told to its listeners and forgotten', () => {
  const told: string[] = [];
  const listener = (name: string): { onSourceGone(source: string): void } => ({
    onSourceGone: (source) => told.push(`${name} hears ${source}`),
  });
  const [a, b] = [listener('a'), listener('b')];
  const sources = new Sources();
  sources.add('x', a);
  sources.add('x', a);
  sources.add('x', b);
  sources.add('y', b);
  sources.remove('x', b);
  sources.remove('z', b);
  sources.gone('x');
  sources.gone('x');
  expect(told).toEqual(['a hears x']);
});
