/** When checks run: every edge of the schedule, and that no sequence of events runs two at a time (nat-traversal.md §2.8). */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type CheckReason,
  IDLE,
  type Schedule,
  type ScheduleEffect,
  type ScheduleEvent,
  step,
} from './schedule.ts';

/** A schedule with its clock; collects what it wants done. */
class Runner {
  state: Schedule = IDLE;
  nowMs = 0;
  effects: ScheduleEffect[] = [];
  readonly #random: () => number;
  constructor(random = () => 0.5) {
    this.#random = random;
  }
  on(event: ScheduleEvent): readonly ScheduleEffect[] {
    const [state, effects] = step(this.state, event, this.nowMs, this.#random);
    this.state = state;
    this.effects.push(...effects);
    return effects;
  }
  /** Runs a check that takes no time. */
  check(reason: CheckReason): readonly ScheduleEffect[] {
    this.on({ type: 'request', reason });
    return this.on({ type: 'ended' });
  }
  busy(): this {
    this.on({ type: 'facts', hasPeers: true, isNetworkUp: true });
    this.on({ type: 'traffic' });
    return this;
  }
}

const runs = (effects: readonly ScheduleEffect[]): readonly ScheduleEffect[] =>
  effects.filter((effect) => effect.do === 'run');

test.each([
  ['start', true],
  ['link-change', true],
  ['relay-map-change', true],
  ['asked', true],
  ['rebind', false],
  ['port-map-change', false],
  ['relay-error', false],
  ['stale-endpoints', false],
] as const)('a request because of %s runs at once, measuring all regions: %s', (reason, full) => {
  expect(runs(new Runner().on({ type: 'request', reason }))).toEqual([
    { do: 'run', full, reasons: [reason] },
  ]);
});

test('requests while one runs become one more, as thorough as the most demanding of them', () => {
  const one = new Runner();
  one.on({ type: 'request', reason: 'rebind' });
  for (const reason of ['relay-error', 'link-change', 'relay-error'] as const)
    expect(one.on({ type: 'request', reason })).toEqual([]);
  expect(runs(one.on({ type: 'ended' }))).toEqual([
    { do: 'run', full: true, reasons: ['relay-error', 'link-change'] },
  ]);
  expect(runs(one.on({ type: 'ended' }))).toEqual([]);
});

test('with traffic the next one is due 20 to 26 s after the end', () => {
  for (const [random, wantMs] of [
    [0, 20_000],
    [0.5, 23_000],
    [0.999, 25_994],
  ] as const) {
    const one = new Runner(() => random).busy();
    expect(one.check('start')).toEqual([{ do: 'arm', atMs: wantMs }]);
    one.nowMs = wantMs;
    expect(runs(one.on({ type: 'timer' }))).toEqual([{ do: 'run', full: false, reasons: ['periodic'] }]);
  }
});

test('a timer that is early is armed again', () => {
  const one = new Runner().busy();
  one.check('start');
  one.nowMs = 22_999;
  expect(one.on({ type: 'timer' })).toEqual([{ do: 'arm', atMs: 23_000 }]);
});

test('without traffic for 45 s it stops, and goes on at once when traffic comes back', () => {
  const one = new Runner().busy();
  one.check('start');
  one.nowMs = 23_000;
  one.on({ type: 'timer' });
  one.on({ type: 'ended' });
  one.nowMs = 46_000;
  expect(one.on({ type: 'timer' })).toEqual([]);
  one.nowMs = 600_000;
  expect(one.on({ type: 'traffic' })).toEqual([{ do: 'arm', atMs: 600_000 }]);
  expect(runs(one.on({ type: 'timer' }))).toHaveLength(1);
});

test('the server may ask for checks without traffic', () => {
  const one = new Runner();
  one.on({ type: 'facts', hasPeers: true, isNetworkUp: true, isForced: true });
  expect(one.check('start')).toEqual([{ do: 'arm', atMs: 23_000 }]);
});

test('without peers or network there is no periodic check', () => {
  const one = new Runner().busy();
  one.check('start');
  expect(one.on({ type: 'facts', hasPeers: false, isNetworkUp: true })).toEqual([
    { do: 'arm', atMs: undefined },
  ]);
  expect(one.on({ type: 'facts', hasPeers: true, isNetworkUp: true })).toEqual([{ do: 'arm', atMs: 23_000 }]);
  expect(one.on({ type: 'facts', hasPeers: true, isNetworkUp: false })).toEqual([
    { do: 'arm', atMs: undefined },
  ]);
});

test('what is asked for without a network waits for it', () => {
  const one = new Runner();
  one.on({ type: 'facts', hasPeers: true, isNetworkUp: false });
  expect(one.on({ type: 'request', reason: 'relay-error' })).toEqual([]);
  const effects = one.on({ type: 'facts', hasPeers: true, isNetworkUp: true });
  expect(runs(effects)).toEqual([{ do: 'run', full: false, reasons: ['relay-error'] }]);
});

const reasons = fc.constantFrom<CheckReason>('start', 'rebind', 'stale-endpoints', 'relay-error');
const events = fc.oneof(
  fc.record({ type: fc.constant('request' as const), reason: reasons }),
  fc.record({ type: fc.constant('facts' as const), hasPeers: fc.boolean(), isNetworkUp: fc.boolean() }),
  fc.constant<ScheduleEvent>({ type: 'ended' }),
  fc.constant<ScheduleEvent>({ type: 'traffic' }),
  fc.constant<ScheduleEvent>({ type: 'timer' }),
);

test('no sequence of events runs two checks at a time or loses a request', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(events, fc.nat(40_000)), { maxLength: 60 }), (sequence) => {
      const one = new Runner();
      let isRunning = false;
      for (const [event, ms] of sequence) {
        one.nowMs += ms;
        if (event.type === 'ended' && !isRunning) continue;
        if (event.type === 'ended') isRunning = false;
        const started = runs(one.on(event)).length;
        expect(started === 0 || !isRunning).toBe(true);
        expect(started).toBeLessThan(2);
        isRunning ||= started === 1;
        expect(one.state.running !== undefined).toBe(isRunning);
        if (event.type === 'request')
          expect([...(one.state.running ?? []), ...one.state.next]).toContain(event.reason);
      }
    }),
  );
});
