/** Which warnings people see, and what became of those they put away. */
import { describe, expect, test } from 'vitest';
import type { Warning } from '#shared/ui-state/types.ts';
import { versionGap, visibleWarnings, withDismissed } from './alerts.ts';

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

test('what is put away is remembered, the oldest forgotten, and odd names do no harm', () => {
  let known: Readonly<Record<string, string>> = {};
  for (let n = 0; n < 150; n += 1) known = withDismissed(known, `w${n}`, '1');
  expect(Object.keys(known)).toHaveLength(100);
  expect(known['w149']).toBe('1');
  const long = 'x'.repeat(1_000);
  expect(
    codes([warning({ code: long, severity: 'low', etag: long })], withDismissed({}, long, long)),
  ).toEqual([]);
  expect(codes([warning({ code: 'constructor', severity: 'low' })], {})).toEqual(['constructor']);
});

test.each([
  { app: '0.2.0', service: '0.2.0', want: undefined },
  { app: '0.2.0', service: '0.1.9-t12', want: 'older-service' },
  { app: '0.2.0', service: '0.2.1', want: 'older-app' },
  { app: '1.0.0', service: 'unknown', want: undefined },
])('app $app with service $service', ({ app, service, want }) => {
  expect(versionGap(app, service)).toBe(want);
});
