/** What calls fail with, after the bridge took their class from them. */
import { expect, test } from 'vitest';
import { CallError, isDeclined, toCallError } from './failure.ts';

test.each([
  { given: { code: 'timeout', message: 'late' }, want: ['timeout', 'late'] },
  { given: { code: 'constructor', message: 'odd' }, want: ['internal', 'odd'] },
  { given: new TypeError('no'), want: ['internal', 'no'] },
  { given: { code: 'timeout' }, want: ['timeout', 'unknown'] },
  { given: 'text', want: ['internal', 'text'] },
  { given: null, want: ['internal', 'null'] },
])('takes $given for $want', ({ given, want }) => {
  const { code, message } = toCallError(given);
  expect([code, message]).toEqual(want);
});

test('who closes the question of the system has declined, who may not has not', () => {
  expect(isDeclined(new CallError('cancelled', ''))).toBe(true);
  expect(isDeclined(new CallError('not-allowed', 'nothing was changed: the question was closed'))).toBe(true);
  expect(isDeclined(new CallError('not-allowed', 'allow Rhumb in System Settings'))).toBe(false);
});
