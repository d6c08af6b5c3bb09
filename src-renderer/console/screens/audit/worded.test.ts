/** How values of the audit log read. */
import { describe, expect, test } from 'vitest';
import { worded } from './worded.ts';

test('a time in an audit entry reads as one', () => {
  expect(worded('{"expiresAt":1797982211937}')).toMatch(/^expires at .*2026/);
});

describe('a value of the audit log', () => {
  test.each([
    ['member', 'member'],
    ['{}', '—'],
    [
      '{"tags":["tag:ci"],"reusable":true,"ephemeral":false,"isPreapproved":true}',
      'tags tag:ci, reusable, preapproved',
    ],
    ['{"splitDns":{"corp.example.com":["10.0.0.53"]}}', 'split dns corp.example.com 10.0.0.53'],
    ['["a","b"]', 'a, b'],
    ['12', '12'],
    ['[[[["deep"]]]]', '…'],
  ])('%s reads %s', (value, text) => {
    expect(worded(value)).toBe(text);
  });
});
