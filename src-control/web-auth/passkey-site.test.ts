/** Where passkeys can be made, and what people are told where they can't. */
import { expect, test } from 'vitest';
import { passkeySite } from './passkey-site.ts';

test.each([
  ['https://vpn.example.com', 'vpn.example.com', 'https://vpn.example.com'],
  ['https://vpn.example.com:8443', 'vpn.example.com', 'https://vpn.example.com:8443'],
  ['http://localhost:8080', 'localhost', 'http://localhost:8080'],
  ['http://127.0.0.1:8080', 'localhost', 'http://localhost:8080'],
  ['http://[::1]:8080', 'localhost', 'http://localhost:8080'],
  ['http://127.0.0.1', 'localhost', 'http://localhost'],
])('%s makes them for %s', (serverUrl, rpId, origin) =>
  expect(passkeySite(serverUrl)).toEqual({ kind: 'usable', rpId, origin }),
);

test.each([
  ['http://vpn.example.com', 'encrypted'],
  ['http://192.0.2.1:8080', 'encrypted'],
  ['https://192.0.2.1', 'name'],
  ['https://[2001:db8::1]', 'name'],
])('%s can’t, and says what is missing', (serverUrl, word) => {
  const site = passkeySite(serverUrl);
  expect(site.kind).toBe('unusable');
  expect(site.kind === 'unusable' && site.why).toContain(word);
});
