/** Tickets are used once, end in time by the clock that never jumps, and can't be crowded out by strangers. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { seal, unseal } from './seal.ts';
import { Tickets } from './tickets.ts';

const make = () => {
  const clock = new FakeClock();
  return { clock, tickets: new Tickets<string>(clock, 1_000) };
};

test('a ticket is good until it is taken', () => {
  const { tickets } = make();
  const secret = tickets.issue('a', () => 'value');
  expect(secret).toMatch(/^[\w-]{43}$/);
  expect([tickets.get(secret), tickets.get(secret), tickets.take(secret), tickets.take(secret)]).toEqual([
    'value',
    'value',
    'value',
    undefined,
  ]);
});

test('a ticket ends in time, and then takes no room', async () => {
  const { clock, tickets } = make();
  const secret = tickets.issue('a', () => 'value');
  await clock.advance(999);
  expect(tickets.get(secret)).toBe('value');
  await clock.advance(1);
  expect(tickets.get(secret)).toBeUndefined();
  tickets.issue('a', () => 'next');
  expect(tickets.size).toBe(1);
});

test('one address pushes out only its own, and many addresses the largest', () => {
  const { tickets } = make();
  const mine = tickets.issue('me', () => 'mine');
  const first = tickets.issue('flood', () => 'first');
  for (let n = 0; n < 300; n++) tickets.issue('flood', () => 'x');
  expect([tickets.get(mine), tickets.get(first), tickets.size]).toEqual(['mine', undefined, 257]);
  for (let n = 0; n < 5_000; n++) tickets.issue(`flood ${n % 40}`, () => 'x');
  expect(tickets.get(mine)).toBe('mine');
  expect(tickets.size).toBe(4_096);
});

test('what is sealed opens with the same key, for the same thing, and only whole', () => {
  const key = new Uint8Array(32).fill(7);
  const sealed = seal(key, 'grant 1', 'refresh token ü');
  expect(unseal(key, 'grant 1', sealed)).toBe('refresh token ü');
  expect(unseal(key, 'grant 2', sealed)).toBeUndefined();
  expect(unseal(new Uint8Array(32), 'grant 1', sealed)).toBeUndefined();
  for (let at = 0; at < sealed.length; at++) {
    const bad = Uint8Array.from(sealed);
    bad[at] = (bad[at] ?? 0) ^ 1;
    expect(unseal(key, 'grant 1', bad)).toBeUndefined();
    expect(unseal(key, 'grant 1', sealed.subarray(0, at))).toBeUndefined();
  }
});
