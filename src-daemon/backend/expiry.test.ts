/** When the next key expires. */
import { expect, test } from 'vitest';
import { nextExpiryInMs } from './expiry.ts';
import { fakeNode } from './fake-world.ts';

const NOW = 1_700_000_000_000;
const DAY_MS = 86_400_000;

test('an expiry months ahead is waited for in one piece', () => {
  const nodes = [fakeNode({ id: 1, expiresAt: NOW + 180 * DAY_MS }), fakeNode({ id: 2 })];
  expect(nextExpiryInMs(nodes, NOW, 0)).toBe(180 * DAY_MS + 10_000);
});
