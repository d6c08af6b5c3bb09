/** The port table of control-protocol.md §12.6, and URLs that are none. */
import { expect, test } from 'vitest';
import { dialPorts, parseServerUrl } from './dial-ports.ts';

test.each([
  ['https://example.com', 443, 80],
  ['http://example.com', 443, 80],
  ['https://example.com:123', 123, 80], // no plain port in the URL: the dialer uses 80
  ['http://example.com:123', 443, 123],
  ['http://127.0.0.1', undefined, 80],
  ['http://127.0.0.1:8080', undefined, 8080],
  ['http://localhost', undefined, 80],
  ['http://192.168.2.3:8080', undefined, 8080],
  ['http://172.16.0.1', undefined, 80],
  ['http://172.32.0.1', 443, 80],
  ['http://[::1]:8080', undefined, 8080],
  ['http://[fd00::1]', undefined, 80],
  ['http://[2001:db8::1]', 443, 80],
  ['http://1.2.3.4', 443, 80],
  ['http://1.2.3.4:8080', 443, 8080],
  ['https://1.2.3.4:8080', 8080, 80],
])('%s means TLS %s and plain %s', (url, tls, plain) => {
  expect(dialPorts(parseServerUrl(url))).toMatchObject({ tls, plain });
});

test('an IPv6 host loses its brackets', () => {
  expect(dialPorts(parseServerUrl('https://[2001:db8::1]:8443')).host).toBe('2001:db8::1');
});

test.each(['', 'example.com', 'ftp://x', 'http://', 'https://user:secret@x', 'https://x/?key=1'])(
  'refuses %j without repeating a secret',
  (text) => {
    expect(() => parseServerUrl(text)).toThrow(/login server/);
    expect(() => parseServerUrl(text)).not.toThrow(/secret/);
  },
);
