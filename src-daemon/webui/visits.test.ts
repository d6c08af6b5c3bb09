/** Links that work once, keys that hold while they are used, and nobody's links crowded out by somebody else's. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { Visits } from './visits.ts';

const ROOT = { name: 'uid 0', rights: 'manage', isAdmin: true } as const;
const USER = { name: 'uid 1000', rights: 'readonly', isAdmin: false } as const;
const MINUTE = 60_000;

function setUp() {
  const clock = new FakeClock();
  return { clock, visits: new Visits(clock) };
}
const keyOf = (visits: Visits, visitor: typeof ROOT | typeof USER = ROOT): string =>
  visits.redeem(visits.invite(visitor)) ?? 'no key';

test('a link works once, and its visit has the rights of whom it was given to', () => {
  const { visits } = setUp();
  const token = visits.invite(USER);
  expect(token).toMatch(/^[\w-]{43}$/);
  const key = visits.redeem(token);
  expect(visits.redeem(token)).toBeUndefined();
  expect(visits.enter(key ?? '')?.visitor).toMatchObject(USER);
  expect(visits.enter(token)).toBeUndefined();
  expect(visits.redeem(key ?? '')).toBeUndefined();
});

test('a link is worth nothing after five minutes', async () => {
  const { clock, visits } = setUp();
  const token = visits.invite(ROOT);
  await clock.advance(5 * MINUTE);
  expect(visits.redeem(token)).toBeUndefined();
});

test('a key ends half an hour after the last page went, and not while one is open', async () => {
  const { clock, visits } = setUp();
  const key = keyOf(visits);
  const entered = visits.enter(key);
  await clock.advance(120 * MINUTE);
  entered?.leave();
  await clock.advance(29 * MINUTE);
  visits.enter(key)?.leave();
  await clock.advance(30 * MINUTE);
  expect(visits.enter(key)).toBeUndefined();
});

test('a key ends after half a day, however much it is used', async () => {
  const { clock, visits } = setUp();
  const key = keyOf(visits);
  visits.enter(key);
  await clock.advance(12 * 60 * MINUTE);
  expect(visits.enter(key)).toBeUndefined();
});

test('who asks for a thousand links spoils his own, and nobody else’s', () => {
  const { visits } = setUp();
  const roots = visits.invite(ROOT);
  const first = visits.invite(USER);
  for (let i = 0; i < 1_000; i++) visits.invite(USER);
  expect(visits.redeem(first)).toBeUndefined();
  expect(visits.redeem(roots)).toBeDefined();
});

test('who managed as the operator only looks once another one is named; root goes on', () => {
  const { visits } = setUp();
  const operator = { name: 'uid 1000', rights: 'manage', isAdmin: false } as const;
  const early = visits.enter(visits.redeem(visits.invite(operator)) ?? '');
  const root = visits.enter(keyOf(visits));
  const unused = visits.invite(operator);
  visits.operatorChanged();
  expect(early?.visitor.rights).toBe('readonly');
  expect(root?.visitor.rights).toBe('manage');
  expect(visits.enter(visits.redeem(unused) ?? '')?.visitor.rights).toBe('readonly');
});

test('S21: a visit that gave way to others is over, also for the page that is still open', () => {
  const { visits } = setUp();
  const operator = { name: 'uid 1000', rights: 'manage', isAdmin: false } as const;
  const early = visits.enter(visits.redeem(visits.invite(operator)) ?? '');
  expect(early?.rights()).toBe('manage');
  for (let i = 0; i < 32; i++) visits.redeem(visits.invite(operator));
  visits.operatorChanged();
  expect(early?.rights()).toBeUndefined();
});

test('S21: a page that stays open is shown out after half a day, though nobody else comes', async () => {
  const { clock, visits } = setUp();
  const entered = visits.enter(keyOf(visits));
  await clock.advance(12 * 60 * MINUTE);
  expect(entered?.rights()).toBeUndefined();
});

test('a link is told from others by whom it is for, and not used up by that', () => {
  const { visits } = setUp();
  const token = visits.invite(USER);
  expect(visits.holder(token)).toMatchObject(USER);
  const key = visits.redeem(token) ?? '';
  expect(visits.holder(token)).toBeUndefined();
  expect(visits.holder(key)).toMatchObject(USER);
});

test('guesses open nothing', () => {
  const { visits } = setUp();
  visits.invite(ROOT);
  for (const guess of ['', '__proto__', 'x'.repeat(256), 'A'.repeat(43)]) {
    expect(visits.redeem(guess)).toBeUndefined();
    expect(visits.enter(guess)).toBeUndefined();
  }
});
