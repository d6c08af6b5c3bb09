/** The election of one prefix: every state of up to three routers, every event, and the stories people report. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Candidate, comesBefore, elect } from './election.ts';

const up = (id: number, over: Partial<Candidate> = {}): Candidate => ({
  id,
  isOnline: true,
  isHealthy: true,
  priority: undefined,
  ...over,
});
const down = (id: number): Candidate => up(id, { isOnline: false });
const sick = (id: number): Candidate => up(id, { isHealthy: false });

describe('who carries a prefix', () => {
  test.each([
    { name: 'nobody announces it', current: undefined, all: [], want: undefined },
    { name: 'the one there is', current: undefined, all: [up(4)], want: 4 },
    { name: 'the lowest id of several', current: undefined, all: [up(7), up(3), up(5)], want: 3 },
    { name: 'the one that has it, also when a lower id is there', current: 5, all: [up(3), up(5)], want: 5 },
    { name: 'another when it goes offline', current: 5, all: [up(7), down(5), up(6)], want: 6 },
    { name: 'another when it stops answering', current: 5, all: [up(7), sick(5)], want: 7 },
    { name: 'another when it withdraws', current: 5, all: [up(7)], want: 7 },
    { name: 'the last one while all are away', current: 5, all: [down(3), down(5)], want: 5 },
    { name: 'the last one while none answers', current: 5, all: [sick(3), sick(5)], want: 5 },
    {
      name: 'the last one while it is away and the other does not answer',
      current: 5,
      all: [sick(3), down(5)],
      want: 5,
    },
    {
      name: 'nobody when the last one has withdrawn and the rest is away',
      current: 5,
      all: [down(3)],
      want: undefined,
    },
    { name: 'nobody newly who is known not to answer', current: undefined, all: [sick(3)], want: undefined },
    { name: 'nobody newly who is away', current: undefined, all: [down(3)], want: undefined },
    {
      name: 'the first priority before the lowest id',
      current: undefined,
      all: [up(1), up(9, { priority: 5 })],
      want: 9,
    },
    {
      name: 'the lower id of equal priorities',
      current: undefined,
      all: [up(8, { priority: 1 }), up(6, { priority: 1 }), up(2, { priority: 2 })],
      want: 6,
    },
    {
      name: 'the one that has it, also when a better priority comes back',
      current: 2,
      all: [up(2), up(9, { priority: 1 })],
      want: 2,
    },
  ])('$name', ({ current, all, want }) => {
    expect(elect(current, all)).toBe(want);
  });

  test('with failback the better one takes it back', () => {
    expect(elect(2, [up(2), up(9, { priority: 1 })], { failback: true })).toBe(9);
    expect(elect(2, [up(1), up(2)], { failback: true })).toBe(1);
    expect(elect(2, [sick(1), up(2)], { failback: true })).toBe(2);
  });
});

test('when all are away and one comes back it has the prefix, and the next ones stay behind it', () => {
  let current = elect(undefined, [up(1), up(2), up(3)]);
  expect(current).toBe(1);
  current = elect(current, [down(1), down(2), down(3)]);
  expect(current).toBe(1);
  current = elect(current, [down(1), up(2), down(3)]);
  expect(current).toBe(2);
  current = elect(current, [up(1), up(2), up(3)]);
  expect(current).toBe(2);
  current = elect(current, [up(1), down(2), up(3)]);
  expect(current).toBe(1);
});

const CONDITIONS = [undefined, up(0), down(0), sick(0)] as const;
const STATES = CONDITIONS.flatMap((a) => CONDITIONS.flatMap((b) => CONDITIONS.map((c) => [a, b, c]))).map(
  (three) => three.flatMap((one, at) => (one === undefined ? [] : [{ ...one, id: at + 1 }])),
);

test.each([undefined, 1, 2, 3])('every state of three routers obeys the rules while %s has it', (current) => {
  expect(STATES).toHaveLength(64);
  for (const all of STATES) {
    const able = all.filter((one) => one.isOnline && one.isHealthy).map(({ id }) => id);
    const got = elect(current, all);
    if (able.length > 0) expect(able).toContain(got);
    else expect(got).toBe(all.some(({ id }) => id === current) ? current : undefined);
    if (current !== undefined && able.includes(current)) expect(got).toBe(current);
    expect(elect(got, all)).toBe(got);
  }
});

const events = fc.array(
  fc.record({ id: fc.integer({ min: 1, max: 4 }), to: fc.constantFrom('up', 'down', 'sick', 'gone') }),
  { maxLength: 40 },
);

test('through any sequence of events it moves only away from one that can’t serve, and never without need', () => {
  fc.assert(
    fc.property(events, (list) => {
      const states = new Map<number, Candidate>();
      let current: number | undefined;
      for (const { id, to } of list) {
        if (to === 'gone') states.delete(id);
        else states.set(id, up(id, { isOnline: to !== 'down', isHealthy: to !== 'sick' }));
        const before = current;
        current = elect(before, [...states.values()]);
        const was = before === undefined ? undefined : states.get(before);
        if (current !== before && before !== undefined) expect(was?.isOnline && was.isHealthy).not.toBe(true);
        // The order in which routers are listed plays no part.
        expect(elect(before, [...states.values()].reverse())).toBe(current);
      }
    }),
  );
});

test('two routers are always in some order', () => {
  const candidate = fc.record({
    id: fc.integer({ min: 1, max: 5 }),
    isOnline: fc.boolean(),
    isHealthy: fc.boolean(),
    priority: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(candidate, candidate, (a, b) => {
      if (a.id !== b.id) expect(comesBefore(a, b)).toBe(!comesBefore(b, a));
    }),
  );
});
