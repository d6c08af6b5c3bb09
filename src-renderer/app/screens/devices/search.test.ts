/** What is found and what comes first. */
import { describe, expect, test } from 'vitest';
import { NO_DEVICE } from '#shared/ui-state/empty.ts';
import type { Device } from '#shared/ui-state/types.ts';
import { indexOf, piecesOf, search } from './search.ts';

const device = (name: string, more: Partial<Device> = {}): Device => ({
  ...NO_DEVICE,
  id: name,
  name,
  dnsName: `${name}.net.example`,
  ...more,
});
const users = { '7': { id: '7', loginName: 'ann@example.org', displayName: 'Ann Lee' } };

const list = [
  device('backup', { addresses: ['100.64.0.4'], tags: ['tag:nas'] }),
  device('phone', { os: 'iOS', addresses: ['100.64.0.3'], userId: '7' }),
  device('old-nas', { addresses: ['100.64.0.2', 'fd7a:115c:a1e0::2'] }),
  device('annas', { addresses: ['100.64.0.12'] }),
  device('nas', { addresses: ['100.64.0.1'], routes: ['10.1.0.0/16'] }),
];
const found = (text: string): string[] => search(indexOf(list, users), text).map(({ name }) => name);

describe('a search for', () => {
  test.each([
    { name: 'nothing finds all', text: ' ', want: ['backup', 'phone', 'old-nas', 'annas', 'nas'] },
    {
      name: 'a name: beginning, word, inside, tag',
      text: 'nas',
      want: ['nas', 'old-nas', 'annas', 'backup'],
    },
    { name: 'any case', text: 'NAS old', want: ['old-nas'] },
    { name: 'an address', text: '100.64.0.1', want: ['annas', 'nas'] },
    { name: 'an IPv6 address', text: 'fd7a:115c', want: ['old-nas'] },
    { name: 'the end of an address', text: '0.12', want: ['annas'] },
    { name: 'an owner', text: 'lee', want: ['phone'] },
    { name: 'a login name', text: 'ann@', want: ['phone'] },
    { name: 'a system', text: 'ios', want: ['phone'] },
    { name: 'a route', text: '10.1.0.0/16', want: ['nas'] },
    { name: 'a prefix', text: '100.64.0.0/30', want: ['phone', 'old-nas', 'nas'] },
    { name: 'a whole DNS name', text: 'phone.net.example', want: ['phone'] },
    { name: 'words that must all match', text: 'nas 100.64.0.2', want: ['old-nas'] },
    { name: 'what is nowhere', text: 'printer', want: [] },
  ])('$name', ({ text, want }) => expect(found(text)).toEqual(want));
});

describe('what matched is marked', () => {
  test.each([
    { name: 'once', text: 'old-nas', words: ['nas'], want: ['old-', '*nas'] },
    { name: 'everywhere', text: 'nas-nas', words: ['nas'], want: ['*nas', '-', '*nas'] },
    { name: 'in its own case', text: 'NAS', words: ['na'], want: ['*NA', 'S'] },
    { name: 'not at all without words', text: 'nas', words: [], want: ['nas'] },
    { name: 'not where letters change length', text: 'İnas', words: ['nas'], want: ['İnas'] },
  ])('$name', ({ text, words, want }) =>
    expect(piecesOf(text, words).map((one) => `${one.isMatch ? '*' : ''}${one.text}`)).toEqual(want),
  );
});

test('five thousand devices are searched within a frame', () => {
  const many = Array.from({ length: 5_000 }, (_, n) =>
    device(`device-${n}`, { addresses: [`100.64.${n >> 8}.${n & 255}`], userId: '7' }),
  );
  const index = indexOf(many, users);
  const began = performance.now();
  expect(search(index, 'device-4999')).toHaveLength(1);
  expect(performance.now() - began).toBeLessThan(160);
});
