/** Which region becomes home after a sequence of checks (nat-traversal.md §2.6). */
import { expect, test } from 'vitest';
import { addToHistory, bestLatencies, type Entry, isFullDue } from './history.ts';
import { chooseHome } from './home.ts';
import { type NetReport, newDraft } from './report.ts';

const SECOND = 1_000;
const START = 123 * SECOND;
type Step = readonly [afterMs: number, latenciesMs: Readonly<Record<number, number>>];

interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly want: number;
  readonly wantKept?: number;
  readonly scores?: Readonly<Record<number, number>>;
  readonly forced?: number;
  /** On the clock of the steps. */
  readonly heardAtMs?: Readonly<Record<number, number>>;
}

const reportOf = (latencies: Readonly<Record<number, number>>): NetReport => ({
  ...newDraft(),
  regionLatencyMs: new Map(Object.entries(latencies).map(([region, ms]) => [Number(region), ms])),
});

function run({ steps, scores = {}, forced, heardAtMs = {} }: Case): { home: number; kept: number } {
  let nowMs = START;
  let home = 0;
  let history: readonly Entry[] = [];
  for (const [afterMs, latencies] of steps) {
    nowMs += afterMs;
    const report = reportOf(latencies);
    history = addToHistory(history, { atMs: nowMs, report, asked: new Set() });
    home = chooseHome({
      current: report.regionLatencyMs,
      best: bestLatencies(history),
      scores: new Map(Object.entries(scores).map(([region, score]) => [Number(region), score])),
      previous: home,
      forced,
      heardAgoMs: (region) => {
        const at = heardAtMs[region];
        return at === undefined ? undefined : nowMs - at;
      },
      tookMs: 100,
      canBeHome: () => true,
    });
  }
  return { home, kept: history.length };
}

const s = (of: Readonly<Record<number, number>>): Record<number, number> =>
  Object.fromEntries(Object.entries(of).map(([region, seconds]) => [region, seconds * SECOND]));

const cases: readonly Case[] = [
  { name: 'the first reading', steps: [[0, s({ 1: 2, 2: 3 })]], want: 1, wantKept: 1 },
  {
    name: 'the best of the history counts',
    steps: [
      [0, s({ 1: 2, 2: 3 })],
      [SECOND, s({ 1: 4, 2: 3 })],
    ],
    want: 1,
    wantKept: 2,
  },
  {
    name: 'a region that is gone is no candidate',
    steps: [
      [0, s({ 1: 2, 2: 3 })],
      [SECOND, s({ 1: 4, 2: 3 })],
      [2 * SECOND, s({ 2: 3 })],
    ],
    want: 2,
    wantKept: 3,
  },
  {
    name: 'it is back',
    steps: [
      [0, s({ 1: 2, 2: 3 })],
      [SECOND, s({ 1: 4, 2: 3 })],
      [2 * SECOND, s({ 2: 3 })],
      [3 * SECOND, s({ 1: 4, 2: 3 })],
    ],
    want: 1,
    wantKept: 4,
  },
  {
    name: 'old checks are forgotten',
    steps: [
      [0, s({ 1: 1, 2: 2 })],
      [SECOND, s({ 1: 1, 2: 2 })],
      [2 * SECOND, s({ 1: 1, 2: 2 })],
      [3 * SECOND, s({ 1: 1, 2: 2 })],
      [600 * SECOND, s({ 3: 3 })],
    ],
    want: 3,
    wantKept: 1,
  },
  {
    name: 'a little faster is not enough',
    steps: [
      [0, s({ 1: 4, 2: 5 })],
      [SECOND, s({ 1: 4, 2: 3 })],
    ],
    want: 1,
  },
  {
    name: 'less than 10 ms is not enough',
    steps: [
      [0, { 1: 4, 2: 5 }],
      [SECOND, { 1: 4, 2: 1 }],
    ],
    want: 1,
  },
  {
    name: 'much faster is enough',
    steps: [
      [0, s({ 1: 4, 2: 5 })],
      [SECOND, s({ 1: 4, 2: 1 })],
    ],
    want: 2,
  },
  {
    name: 'more than two thirds of the time is not enough',
    steps: [
      [0, { 1: 34, 2: 35 }],
      [SECOND, { 1: 34, 2: 23 }],
    ],
    want: 1,
  },
  { name: 'a score favours a region', steps: [[SECOND, s({ 1: 10, 2: 8 })]], scores: { 1: 2 / 3 }, want: 1 },
  { name: 'but not without end', steps: [[SECOND, s({ 1: 100, 2: 10 })]], scores: { 1: 2 / 3 }, want: 2 },
  {
    name: 'scores must be above zero',
    steps: [[SECOND, s({ 1: 4, 2: 5 })]],
    scores: { 1: 0, 2: -1 },
    want: 1,
  },
  {
    name: 'a region that was heard just now is alive',
    steps: [
      [0, s({ 1: 2, 2: 3 })],
      [2 * SECOND, s({ 1: 4, 2: 3 })],
      [2 * SECOND, s({ 2: 3 })],
    ],
    heardAtMs: { 1: START + 6 * SECOND },
    want: 1,
    wantKept: 3,
  },
  {
    name: 'a region that was heard 8 s ago is not',
    steps: [
      [0, s({ 1: 2, 2: 3 })],
      [2 * SECOND, s({ 1: 4, 2: 3 })],
      [2 * SECOND, s({ 2: 3 })],
    ],
    heardAtMs: { 1: START - 4 * SECOND - 1 },
    want: 2,
  },
  {
    name: 'a forced region wins when it answers',
    steps: [
      [SECOND, s({ 1: 2, 2: 3 })],
      [2 * SECOND, s({ 1: 4, 2: 3 })],
    ],
    forced: 2,
    want: 2,
  },
  {
    name: 'a forced region that does not answer is not forced',
    steps: [
      [SECOND, s({ 1: 2, 2: 1 })],
      [2 * SECOND, s({ 1: 4 })],
    ],
    forced: 2,
    want: 1,
  },
  {
    name: 'a forced region that is heard wins',
    steps: [
      [SECOND, s({ 1: 2 })],
      [2 * SECOND, s({ 1: 4 })],
    ],
    heardAtMs: { 1: START, 2: START + SECOND },
    forced: 2,
    want: 2,
  },
  {
    name: 'a forced region that was heard long ago does not',
    steps: [
      [SECOND, s({ 1: 2 })],
      [9 * SECOND, s({ 1: 4 })],
    ],
    heardAtMs: { 1: START, 2: START },
    forced: 2,
    want: 1,
  },
  {
    name: 'without data a home that is heard stays',
    steps: [
      [0, s({ 1: 2, 2: 3 })],
      [30 * SECOND, {}],
      [2 * SECOND, {}],
      [2 * SECOND, {}],
      [2 * SECOND, {}],
      [2 * SECOND, {}],
    ],
    heardAtMs: { 1: START },
    want: 1,
    wantKept: 6,
  },
  {
    name: 'without data it goes after two keepalives',
    steps: [
      [0, s({ 1: 2, 2: 3 })],
      [30 * SECOND, {}],
      [120 * SECOND, {}],
    ],
    heardAtMs: { 1: START },
    want: 0,
    wantKept: 3,
  },
];

test.each(cases)('$name', (one) => {
  const { home, kept } = run(one);
  expect(home).toBe(one.want);
  if (one.wantKept !== undefined) expect(kept).toBe(one.wantKept);
});

test('a region without a relay is nobody’s home, whatever its latency', () => {
  const current = new Map([
    [1, 1],
    [2, 90],
  ]);
  const choice = {
    current,
    best: current,
    scores: new Map(),
    heardAgoMs: () => 1,
    tookMs: 0,
    canBeHome: (region: number) => region === 2,
  };
  expect(chooseHome({ ...choice, previous: 0 })).toBe(2);
  expect(chooseHome({ ...choice, previous: 1 })).toBe(2);
  expect(chooseHome({ ...choice, previous: 1, forced: 1 })).toBe(2);
  expect(chooseHome({ ...choice, current: new Map(), best: new Map(), previous: 1 })).toBe(0);
});

test('equal regions: the lower number, always', () => {
  const current = new Map([
    [9, 5],
    [2, 5],
  ]);
  expect(
    chooseHome({
      current,
      best: current,
      scores: new Map(),
      previous: 0,
      heardAgoMs: () => undefined,
      tookMs: 0,
      canBeHome: () => true,
    }),
  ).toBe(2);
});

test('the history always holds a full check', () => {
  const full = reportOf({ 1: 10, 2: 10, 3: 10 });
  const part = reportOf({ 1: 10, 2: 10 });
  let history: readonly Entry[] = [];
  let lastFullAtMs: number | undefined;
  for (let minute = 0; minute < 60; minute++) {
    const nowMs = minute * 60 * SECOND;
    const isFull = isFullDue(history.at(-1)?.report, lastFullAtMs, nowMs);
    if (isFull) lastFullAtMs = nowMs;
    const report = isFull ? full : part;
    history = addToHistory(history, { atMs: nowMs, report, asked: new Set() });
    expect([...bestLatencies(history).keys()]).toEqual([1, 2, 3]);
  }
});

test('a check after a portal is a full one', () => {
  expect(isFullDue({ ...newDraft(), captivePortal: true }, 0, 1)).toBe(true);
  expect(isFullDue({ ...newDraft(), captivePortal: true, udp: true }, 0, 1)).toBe(false);
  expect(isFullDue({ ...newDraft(), captivePortal: false }, 0, 1)).toBe(false);
});
