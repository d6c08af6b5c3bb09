/** Warnings in words for people. */
import { expect, test } from 'vitest';
import { warningWords } from './warnings.ts';

test('a known one is said in our words and leads to where it can be mended', () => {
  const words = warningWords({ code: 'ip-forwarding-off', title: 'IP forwarding off', text: 'why' });
  expect(words).toEqual({
    title: 'You share networks, but forwarding is off',
    text: 'why',
    path: '/settings/routes',
    action: 'Fix',
  });
});

test('an unknown one is shown as it was sent, as text and cut', () => {
  expect(warningWords({ code: 'x', title: '<b>odd\u202e</b>', text: 'y'.repeat(9_000) })).toMatchObject({
    title: '<b>odd</b>',
    path: '/diagnostics',
  });
  expect(warningWords({ code: 'x', title: '', text: 'y'.repeat(9_000) }).text).toHaveLength(401);
  expect(warningWords({ code: '__proto__', title: '', text: '' }).title).toBe('__proto__');
});

test('what the title says already is not said twice', () => {
  expect(warningWords({ code: 'x', title: 'same', text: 'same' }).text).toBe('');
});
