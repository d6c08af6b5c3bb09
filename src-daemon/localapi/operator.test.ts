/** Which answers about the operator's user id are remembered. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { cachedUid } from './operator.ts';

test('an answer is remembered per name, each for a while', async () => {
  const known = new Map<string, number>();
  const asked: string[] = [];
  const clock = new FakeClock();
  const uidOf = cachedUid(async (user) => {
    asked.push(user);
    return known.get(user);
  }, clock);
  expect(await uidOf('')).toBeUndefined();
  expect(await uidOf('ann')).toBeUndefined();
  expect(await uidOf('ann')).toBeUndefined();
  expect(asked).toEqual(['ann']);
  known.set('ann', 1_000);
  await clock.advance(10_000);
  expect(await uidOf('ann')).toBe(1_000);
  expect(await uidOf('ann')).toBe(1_000);
  expect(asked).toEqual(['ann', 'ann']);
  // The user goes, and another gets the number.
  known.delete('ann');
  await clock.advance(60_000);
  expect(await uidOf('ann')).toBeUndefined();
});
