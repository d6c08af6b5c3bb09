/** Names of devices as people type them and as DNS has them. */
import { expect, test } from 'vitest';
import { dnsLabel, dnsPreview, keyIsBad } from './names.ts';

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

test('a key is one word; spaces around it came from copying', () => {
  expect(keyIsBad('  tskey-auth-1 ')).toBe(false);
  expect(keyIsBad('tskey auth')).toBe(true);
});
