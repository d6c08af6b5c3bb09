/** Which notifications come, when, and when they go again (desktop.md §7). */
import { describe, expect, test } from 'vitest';
import { NO_SETTINGS } from '#shared/ui-state/empty.ts';
import type { Snapshot, Warning } from '#shared/ui-state/types.ts';
import { DEFAULTS } from '../settings/gui.ts';
import { device, devices, running, SNAPSHOTS } from '../testing/snapshots.ts';
import { type Budget, spend } from './budget.ts';
import { expiryStep, visibleWarnings } from './conditions.ts';
import { type Decision, decide, type NotifyInput, startNotifying } from './decide.ts';

const HOUR = 3_600_000;
const START = 1_000_000_000;

/** A person at a machine: states come one after the other, at given seconds after the start. */
function watch(gui: NotifyInput['gui'] = DEFAULTS) {
  let memory = startNotifying(START);
  const step = (second: number, snapshot: Snapshot, seen: Partial<NotifyInput> = {}): Decision => {
    const decision = decide(memory, {
      snapshot,
      gui,
      isWindowShown: false,
      isWindowFocused: false,
      nowMs: START + second * 1_000,
      ...seen,
    });
    memory = decision.memory;
    return decision;
  };
  const effects = (second: number, snapshot: Snapshot, seen: Partial<NotifyInput> = {}): string[] =>
    step(second, snapshot, seen).effects.map((one) =>
      one.kind === 'show' ? `show ${one.told.kind}` : `close ${one.category}`,
    );
  return { step, effects };
}

const { on, off, connecting } = SNAPSHOTS;
const broken = SNAPSHOTS['exit-broken'];
const gone: Snapshot = { ...on, link: { kind: 'absent', why: 'stopped' } };

test('says nothing while everything is only starting, and later what still holds', () => {
  const { step, effects } = watch();
  expect(step(1, broken)).toMatchObject({ effects: [], againInMs: 4_000 });
  expect(effects(5, broken)).toEqual(['show exit.broken']);
});

test('a broken exit node is told after half a second, once, and taken back when it is well', () => {
  const { step, effects } = watch();
  step(6, on);
  expect(step(10, broken)).toMatchObject({ effects: [], againInMs: 500 });
  expect(effects(10.6, broken)).toEqual(['show exit.broken']);
  expect(effects(20, broken)).toEqual([]);
  expect(effects(30, on)).toEqual(['close exit.broken']);
});

test('a flap of less than half a second is nobody’s business', () => {
  const { step, effects } = watch();
  step(6, on);
  step(10, broken);
  expect(effects(10.3, on)).toEqual([]);
});

test('a connection that is lost is told after five seconds, one that was switched off is not', () => {
  const { step, effects } = watch();
  step(6, on);
  step(10, connecting);
  expect(effects(14, connecting)).toEqual([]);
  expect(effects(15, connecting)).toEqual(['show state.lost']);
  expect(effects(16, on)).toEqual(['close state.lost']);
  const other = watch();
  other.step(6, on);
  other.step(10, { ...off, settings: { ...NO_SETTINGS, wantRunning: false } });
  expect(other.effects(30, { ...off, settings: { ...NO_SETTINGS, wantRunning: false } })).toEqual([]);
});

test('a service that is gone while connected is told after ten seconds', () => {
  const { step, effects } = watch();
  step(6, on);
  step(10, gone);
  expect(effects(19, gone)).toEqual([]);
  expect(effects(20, gone)).toEqual(['show service.gone']);
  const never = watch();
  never.step(6, gone);
  expect(never.effects(60, gone)).toEqual([]);
});

test('whoever looks at the window is told by the window', () => {
  const { step, effects } = watch();
  step(6, on);
  step(10, broken, { isWindowShown: true, isWindowFocused: true });
  expect(effects(12, broken, { isWindowShown: true, isWindowFocused: true })).toEqual([]);
  expect(effects(13, broken)).toEqual(['show exit.broken']);
});

test('the same words come again only after an hour', () => {
  const { step, effects } = watch();
  step(6, on);
  for (const second of [10, 100, 1_000]) {
    step(second, broken);
    expect(effects(second + 1, broken)).toEqual(second === 10 ? ['show exit.broken'] : []);
    step(second + 2, on);
  }
  step(5_000, broken);
  expect(effects(5_001, broken)).toEqual(['show exit.broken']);
});

test('what is switched off is not told, and what is off by default can be switched on', () => {
  const quiet = watch({
    ...DEFAULTS,
    notifications: { 'exit.broken': false, 'state.on': true, 'device.new': true },
  });
  quiet.step(6, off);
  expect(quiet.effects(7, on)).toEqual(['show state.on']);
  quiet.step(10, broken);
  expect(quiet.effects(11, broken)).toEqual([]);
  const more = { ...on, devices: { ...on.devices, ...devices(device('tv')) } };
  quiet.step(20, on);
  expect(quiet.effects(21, more)).toEqual(['show device.new']);
  const plain = watch();
  plain.step(6, off);
  expect(plain.effects(7, on)).toEqual([]);
});

test('an approval and a sign-in are told', () => {
  const { step, effects } = watch();
  step(6, SNAPSHOTS['waiting-browser']);
  expect(effects(7, SNAPSHOTS['waiting-browser'])).toEqual(['show login.url']);
  expect(effects(8, SNAPSHOTS['waiting-approval'])).toEqual(['close login.url']);
  expect(effects(9, on)).toEqual(['show approved']);
});

describe('a key', () => {
  test.each([
    { name: 'of a day warns at a fifth, not when it is made', lifeH: 24, leftH: 6, want: undefined },
    { name: 'of a day warns at a fifth', lifeH: 24, leftH: 4, want: 'key.soon' },
    { name: 'of half a year warns a day ahead', lifeH: 4_320, leftH: 23, want: 'key.soon' },
    { name: 'of half a year does not warn two days ahead', lifeH: 4_320, leftH: 48, want: undefined },
    { name: 'warns again in its last hour', lifeH: 4_320, leftH: 0.9, want: 'key.hour' },
    { name: 'is over when it is over', lifeH: 24, leftH: 0, want: 'key.expired' },
  ])('$name', ({ lifeH, leftH, want }) => {
    expect(expiryStep(0, leftH * HOUR, (leftH - lifeH) * HOUR)).toBe(want);
  });

  test('of unknown age warns a day ahead', () =>
    expect(expiryStep(0, 23 * HOUR, undefined)).toBe('key.soon'));

  test('says the hours that are left, and each step once', () => {
    const { step, effects } = watch();
    const self = device('me', { keyExpiryMs: START + 5 * HOUR, createdMs: START - 95 * HOUR });
    const soon = running({ self });
    step(6, soon);
    const { effects: first } = step(7, soon);
    expect(first[0]).toMatchObject({ kind: 'show', told: { kind: 'key.soon', values: { hours: 5 } } });
    expect(effects(60, soon)).toEqual([]);
    expect(effects(4.5 * 3_600, soon)).toEqual(['show key.hour']);
    expect(effects(5 * 3_600, soon)).toEqual(['show key.expired']);
  });
});

test('a key is judged by its own age, and stays quiet for as long as was said', () => {
  const key = (change: object) =>
    running({
      self: device('me', { keyExpiryMs: START + 20 * HOUR, createdMs: START - 900 * HOUR, ...change }),
    });
  const plain = watch();
  plain.step(6, key({ keyCreatedMs: START - 4 * HOUR }));
  expect(plain.effects(7, key({ keyCreatedMs: START - 4 * HOUR }))).toEqual([]);
  const later = watch({ ...DEFAULTS, quietKeyUntilMs: START + 10 * HOUR });
  later.step(6, key({}));
  expect(later.effects(7, key({}))).toEqual([]);
  later.step(10 * 3_600, key({}));
  expect(later.effects(10 * 3_600 + 1, key({}))).toEqual(['show key.soon']);
});

test('what happened stays until the person has seen it', () => {
  const { step, effects } = watch();
  step(6, SNAPSHOTS['waiting-approval']);
  expect(effects(7, on)).toEqual(['show approved']);
  expect([effects(8, on), effects(60, on)]).toEqual([[], []]);
});

test('a kind may tell four things at once, and then one in five minutes', () => {
  let budget: Budget | undefined;
  const times: number[] = [];
  for (let second = 0; second < 1_800; second += 10) {
    const next = spend(budget, second * 1_000);
    if (next !== undefined) times.push(second);
    budget = next ?? budget;
  }
  expect(times).toEqual([0, 10, 20, 30, 300, 600, 900, 1_200, 1_500]);
  expect(spend({ left: 0, atMs: 0 }, 10 * 3_600_000)?.left).toBe(3);
});

describe('warnings', () => {
  const warning = (code: string, change: Partial<Warning> = {}): Warning => ({
    code,
    severity: 'medium',
    title: `title of ${code}`,
    text: 'text',
    brokenSinceMs: undefined,
    impactsConnectivity: false,
    dependsOn: [],
    action: undefined,
    etag: '1',
    ...change,
  });

  test('those that follow from another one are not told, and none while warming up', () => {
    const all = [warning('a'), warning('b', { dependsOn: ['a'] })];
    expect(visibleWarnings(all).map(({ code }) => code)).toEqual(['a']);
    expect(visibleWarnings([...all, warning('warming-up')])).toEqual([]);
  });

  test('medium ones are told with their own words, low ones and those with a state of their own are not', () => {
    const { step } = watch();
    const warnings = [warning('no-udp4-bind'), warning('x', { severity: 'low' }), warning('login-state')];
    step(6, running({ warnings }));
    const { effects } = step(7, running({ warnings }));
    expect(effects).toHaveLength(1);
    expect(effects[0]).toMatchObject({ told: { title: { text: 'title of no-udp4-bind' }, kind: 'health' } });
  });
});
