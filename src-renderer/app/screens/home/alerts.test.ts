/** Which warnings people see, and when a key is worth a word. */
import { describe, expect, test } from 'vitest';
import type { Warning } from '#shared/ui-state/types.ts';
import { expiryNotice, visibleWarnings } from './alerts.ts';

const HOUR = 3_600_000;
const warning = (change: Partial<Warning>): Warning => ({
  code: 'a',
  severity: 'medium',
  title: '',
  text: '',
  brokenSinceMs: 0,
  impactsConnectivity: false,
  dependsOn: [],
  action: undefined,
  etag: '1',
  ...change,
});
const codes = (warnings: readonly Warning[], dismissed: Record<string, string> = {}): readonly string[] =>
  visibleWarnings(warnings, dismissed).map(({ code }) => code);

describe('warnings', () => {
  test('what follows from another one is hidden while that is there', () => {
    expect(codes([warning({ code: 'relay', dependsOn: ['network'] }), warning({ code: 'network' })])).toEqual(
      ['network'],
    );
  });
  test('while all is warming up, none is shown', () => {
    expect(codes([warning({ code: 'relay' }), warning({ code: 'warming-up' })])).toEqual([]);
  });
  test('what cuts the connection comes first, then what is severe, then what is old', () => {
    expect(
      codes([
        warning({ code: 'new', brokenSinceMs: 2 }),
        warning({ code: 'old', brokenSinceMs: 1 }),
        warning({ code: 'high', severity: 'high' }),
        warning({ code: 'cuts', severity: 'low', impactsConnectivity: true }),
      ]),
    ).toEqual(['cuts', 'high', 'old', 'new']);
  });
  test('a dismissed low one stays away until it says something else', () => {
    const low = warning({ code: 'low', severity: 'low' });
    expect(codes([low], { low: '1' })).toEqual([]);
    expect(codes([{ ...low, etag: '2' }], { low: '1' })).toEqual(['low']);
  });
  test('one that matters cannot be dismissed', () => {
    expect(codes([warning({ code: 'a' })], { a: '1' })).toEqual(['a']);
  });
});

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
