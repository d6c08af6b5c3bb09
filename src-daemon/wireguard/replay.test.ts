/** The replay window against the vectors of data-plane.md §7.5, and against a set of all counters seen. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { REPLAY_WINDOW, ReplayWindow } from './replay.ts';

const L = BigInt(REPLAY_WINDOW + 1);
const R = 2n ** 64n - 2n ** 13n - 1n;

const accept = (window: ReplayWindow, counter: bigint): boolean => {
  const high = Number(counter >> 32n);
  const low = Number(counter & 0xffff_ffffn);
  const mayBe = window.mayAccept(high, low);
  const is = window.accept(high, low);
  expect(mayBe, `look-ahead at ${counter}`).toBe(is);
  return is;
};

test('one filter, in the order of the vectors', () => {
  const window = new ReplayWindow();
  const steps: readonly [bigint, boolean][] = [
    [0n, true],
    [1n, true],
    [1n, false],
    [9n, true],
    [8n, true],
    [7n, true],
    [7n, false],
    [L, true],
    [L - 1n, true],
    [L - 1n, false],
    [L - 2n, true],
    [2n, true],
    [2n, false],
    [L + 16n, true],
    [3n, false],
    [L + 16n, false],
    [4n * L, true],
    [4n * L - (L - 1n), true],
    [10n, false],
    [4n * L - L, false],
    [4n * L - (L + 1n), false],
    [4n * L - (L - 2n), true],
    [4n * L + 1n - L, false],
    [0n, false],
    [R, false],
    [R - 1n, true],
    [R, false],
    [R - 1n, false],
    [R - 2n, true],
    [R + 1n, false],
    [R + 2n, false],
    [R - 2n, false],
    [R - 3n, true],
    [0n, false],
  ];
  for (const [counter, want] of steps) expect(accept(window, counter), `counter ${counter}`).toBe(want);
});

const up = (from: number, to: number): bigint[] =>
  Array.from({ length: to - from + 1 }, (_, i) => BigInt(from + i));
const down = (from: number, to: number): bigint[] => up(to, from).reverse();

describe('bulk', () => {
  test.each([
    {
      name: 'a: up, then zero twice',
      fill: up(1, 8128),
      last: [
        [0n, true],
        [0n, false],
      ],
    },
    {
      name: 'b: up from two',
      fill: up(2, 8129),
      last: [
        [1n, true],
        [0n, false],
      ],
    },
    { name: 'c: down to one', fill: down(8129, 1), last: [] },
    { name: 'd: down to two', fill: down(8130, 2), last: [[0n, false]] },
    {
      name: 'e: down, then up, then zero',
      fill: down(8128, 1),
      last: [
        [8129n, true],
        [0n, false],
      ],
    },
    {
      name: 'f: down, then zero, then up',
      fill: down(8128, 1),
      last: [
        [0n, true],
        [8129n, true],
      ],
    },
  ] as const)('$name', ({ fill, last }) => {
    const window = new ReplayWindow();
    expect(fill.every((counter) => accept(window, counter))).toBe(true);
    for (const [counter, want] of last) expect(accept(window, counter), `counter ${counter}`).toBe(want);
  });
});

test('accepts each counter once and nothing older than the window, around any base and across 2^32', () => {
  const base = fc.oneof(
    fc.constantFrom(0n, 2n ** 32n - 5_000n, 2n ** 53n - 100n, R - 20_000n),
    fc.bigInt(0n, R - 40_000n),
  );
  const jump = fc.oneof(fc.nat(70), fc.nat(9_000), fc.nat(20_000));
  fc.assert(
    fc.property(base, fc.array(jump, { maxLength: 200 }), (from, offsets) => {
      const window = new ReplayWindow();
      const seen = new Set<bigint>();
      let last = 0n;
      for (const offset of offsets) {
        const counter = from + BigInt(offset);
        const old = last - counter > BigInt(REPLAY_WINDOW);
        const got = accept(window, counter);
        expect(got).toBe(counter < R && !old && !seen.has(counter));
        if (got) seen.add(counter);
        if (got && counter > last) last = counter;
      }
    }),
    { numRuns: 300 },
  );
});
