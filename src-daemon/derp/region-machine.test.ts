/** The connection of a region goes through its states as drawn, and always ends what it began. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type RegionEvent, type RegionState, redialMs, type Step, step } from './region-machine.ts';

const half = (): number => 0.5;
const IDLE: RegionState = { kind: 'idle', sinceMs: 0 };
const none = Number.NEGATIVE_INFINITY;

/** Runs events at the given times and gives the states and effects as text. */
function run(events: readonly (readonly [number, RegionEvent])[]): readonly string[] {
  let state = IDLE;
  return events.map(([at, event]) => {
    const next = step(state, event, at, half);
    state = next.state;
    const wait = state.kind === 'waiting' ? ` ${state.untilMs - at}` : '';
    return `${state.kind}${wait}${next.effects.length === 0 ? '' : ` (${next.effects.join(' ')})`}`;
  });
}

const want: RegionEvent = { kind: 'want' };
const opened: RegionEvent = { kind: 'opened' };
const joined: RegionEvent = { kind: 'joined' };
const lost: RegionEvent = { kind: 'lost', isWanted: true };
const due: RegionEvent = { kind: 'due' };

test('a connection that is wanted comes up, and again after it was lost', () => {
  expect(
    run([
      [0, want],
      [0, want],
      [10, opened],
      [20, joined],
      [60_000, lost],
      [60_010, due],
    ]),
  ).toEqual(['dialing (dial)', 'dialing', 'joining', 'connected', 'waiting 10 (end wait)', 'dialing (dial)']);
});

test('failures in a row wait longer, up to five seconds', () => {
  expect([0, 1, 2, 10, 22, 23, 1_000].map((n) => redialMs(n, half))).toEqual([
    0, 10, 40, 1_000, 4_840, 5_000, 5_000,
  ]);
  expect(redialMs(10, () => 0)).toBe(500);
  const events: [number, RegionEvent][] = [[0, want]];
  for (let i = 1; i < 4; i++) events.push([i, lost], [i, due]);
  expect(run(events).filter((text) => text.startsWith('waiting'))).toEqual([
    'waiting 10 (end wait)',
    'waiting 40 (end wait)',
    'waiting 90 (end wait)',
  ]);
});

test('a relay that takes us and throws us out at once is not dialled in a tight loop', () => {
  const events: [number, RegionEvent][] = [[0, want]];
  for (let i = 1; i < 4; i++) events.push([i, opened], [i, joined], [i, lost], [i, due]);
  expect(run(events).filter((text) => text.startsWith('waiting'))).toEqual([
    'waiting 10 (end wait)',
    'waiting 40 (end wait)',
    'waiting 90 (end wait)',
  ]);
});

test('what nobody wants is not dialled again', () => {
  expect(
    run([
      [0, want],
      [1, { kind: 'lost', isWanted: false }],
      [2, due],
    ]),
  ).toEqual(['dialing (dial)', 'idle (end)', 'idle']);
});

test('an announced restart is waited for, and forgiven until its end', () => {
  const restart = { reconnectAtMs: 5_000, graceUntilMs: 8_000 };
  expect(
    run([
      [0, want],
      [1, opened],
      [2, joined],
      [4_000, { kind: 'lost', isWanted: true, restart }],
      [5_000, due],
      [5_100, lost],
      [5_350, due],
      [5_400, opened],
      [5_500, lost],
      [7_900, due],
      [8_000, lost],
    ]),
  ).toEqual([
    'dialing (dial)',
    'joining',
    'connected',
    'waiting 1000 (end wait)',
    'dialing (dial)',
    'waiting 250 (end wait)',
    'dialing (dial)',
    'joining',
    'waiting 250 (end wait)',
    'dialing (dial)',
    'waiting 10 (end wait)',
  ]);
});

test.each<[string, RegionState]>([
  ['dialing', { kind: 'dialing', sinceMs: 0, attempt: 7, graceUntilMs: none }],
  ['joining', { kind: 'joining', sinceMs: 0, attempt: 7, graceUntilMs: none }],
  ['connected', { kind: 'connected', sinceMs: 0, attempt: 7 }],
  ['waiting', { kind: 'waiting', sinceMs: 0, attempt: 7, graceUntilMs: none, untilMs: 9 }],
])('while %s another network begins anew without delay, and stop ends', (_, state) => {
  expect(step(state, { kind: 'renew' }, 5, half)).toEqual({
    state: { kind: 'dialing', sinceMs: 5, attempt: 0, graceUntilMs: none },
    effects: ['end', 'dial'],
  });
  expect(step(state, { kind: 'stop' }, 5, half)).toEqual({
    state: { kind: 'idle', sinceMs: 5 },
    effects: ['end'],
  });
});

const anyEvent: fc.Arbitrary<RegionEvent> = fc.oneof(
  fc.constantFrom<RegionEvent>(want, opened, joined, due, lost, { kind: 'stop' }, { kind: 'renew' }),
  fc.constantFrom<RegionEvent>({ kind: 'switch' }, { kind: 'lost', isWanted: false }),
);

/** How many attempts and connections there are after a step that began with `live`. */
function liveAfter(live: number, event: RegionEvent, before: RegionState, next: Step): number {
  let count = live;
  for (const effect of next.effects) {
    if (effect === 'end') count = 0;
    else if (effect === 'dial') count++;
  }
  // A switch brings its own connection.
  return event.kind === 'switch' && next.state !== before ? count + 1 : count;
}

test('whatever happens, there is one attempt or connection at most and none in idle and waiting', () => {
  const events = fc.array(fc.tuple(fc.nat(70_000), anyEvent), { maxLength: 60 });
  const property = fc.property(events, (rows) => {
    let state: RegionState = { kind: 'idle', sinceMs: 0 };
    let now = 0;
    let live = 0;
    for (const [passed, event] of rows) {
      now += passed;
      const next = step(state, event, now, half);
      live = liveAfter(live, event, state, next);
      state = next.state;
      expect(live).toBe(state.kind === 'idle' || state.kind === 'waiting' ? 0 : 1);
      expect(state.kind === 'waiting' ? state.untilMs - now : 0).toBeLessThanOrEqual(7_500);
    }
  });
  fc.assert(property);
});
