/** When a key is worth a word, and when again. */
import { expect, test } from 'vitest';
import { expiryNotice, laterMs } from './expiry.ts';

const HOUR = 3_600_000;

test.each([
  { name: 'a day-long key warns late', lifeH: 24, leftH: 6, want: undefined },
  { name: 'a day-long key warns at a fifth', lifeH: 24, leftH: 4, want: 'soon' },
  { name: 'a half-year key warns a day ahead', lifeH: 4_320, leftH: 23, want: 'soon' },
  { name: 'a half-year key is quiet before', lifeH: 4_320, leftH: 25, want: undefined },
  { name: 'the last hour', lifeH: 4_320, leftH: 0.9, want: 'hour' },
  { name: 'over', lifeH: 4_320, leftH: -1, want: undefined },
  { name: 'a key of unknown age warns a day ahead', lifeH: undefined, leftH: 23, want: 'soon' },
])('$name', ({ lifeH, leftH, want }) => {
  const lifetimeMs = lifeH === undefined ? undefined : lifeH * HOUR;
  expect(expiryNotice({ lifetimeMs, remainingMs: leftH * HOUR })?.kind).toBe(want);
});

test.each([
  { name: 'half of twenty hours', leftH: 20, want: 10 },
  { name: 'never past the last hour', leftH: 1.5, want: 0.5 },
  { name: 'half of the last hour', leftH: 0.5, want: 0.25 },
])('later is $name', ({ leftH, want }) => {
  const notice = expiryNotice({ lifetimeMs: undefined, remainingMs: leftH * HOUR });
  expect(notice === undefined ? undefined : laterMs(notice) / HOUR).toBe(want);
});
