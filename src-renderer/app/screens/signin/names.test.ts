/** Names of devices as people type them and as DNS has them. */
import { expect, test } from 'vitest';
import { dnsLabel, dnsPreview, keyTrouble, tagsOf } from './names.ts';

test.each([
  { typed: 'Anna’s MacBook Pro', want: 'anna-s-macbook-pro' },
  { typed: '  Küche  ', want: 'kuche' },
  { typed: '--nas--', want: 'nas' },
  { typed: '日本', want: '' },
  { typed: `${'a'.repeat(62)}-b`, want: 'a'.repeat(62) },
])('$typed becomes $want', ({ typed, want }) => {
  expect(dnsLabel(typed)).toBe(want);
});

test('the whole name is shown once the network is known', () => {
  expect(dnsPreview('NAS', 'tail1.example.net')).toBe('nas.tail1.example.net');
  expect(dnsPreview('NAS', '')).toBe('nas');
  expect(dnsPreview('!', '')).toBe('—');
});

test.each([
  { key: '  tskey-auth-1 ', want: undefined },
  { key: 'rhkey-auth-abc-def', want: undefined },
  { key: '8f2c9ae1', want: undefined },
  { key: 'tskey auth', want: 'bad' },
  { key: 'tskey-api-abc', want: 'other' },
  { key: 'rhkey-client-abc-def', want: 'other' },
])('the key "$key"', ({ key, want }) => {
  expect(keyTrouble(key)).toBe(want);
});

test('tags are taken as people write them', () => {
  expect(tagsOf('')).toEqual([]);
  expect(tagsOf('server, tag:web;server')).toEqual(['tag:server', 'tag:web']);
  expect(tagsOf('tag:1st')).toBeUndefined();
  expect(tagsOf('<b>')).toBeUndefined();
});
