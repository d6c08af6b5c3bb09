/** Reasons of the daemon in words for people. */
import { expect, test } from 'vitest';
import { isHardThere, whyText } from './path-why.ts';

test.each([
  ['this network lets no UDP through', 'This network lets no UDP through, so only relays work.'],
  ['no answer to 1 probe to 1 address', 'Its only known address has not answered.'],
  ['no answer to 40 probes to 12 addresses', 'None of its 12 addresses has answered.'],
  [
    'the NATs on both sides give each destination another port',
    'Both sides are behind hard NATs, which give each destination another port.',
  ],
  ['something new\u202e', 'something new'],
  ['', ''],
])('%j is said as %j', (clause, want) => expect(whyText(clause)).toBe(want));

test('the other side is hard when the daemon says so', () => {
  expect(isHardThere('the NATs on both sides give each destination another port')).toBe(true);
  expect(isHardThere('the NAT there gives each destination another port, and …')).toBe(true);
  expect(isHardThere('the NAT here gives each destination another port')).toBe(false);
});
