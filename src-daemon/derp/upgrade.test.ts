/** The HTTP exchange before the relay protocol, as official relays want and give it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { encodeUpgrade, httpRefusal, UpgradeReader } from './upgrade.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const base = { hostName: 'relay.example', port: 443, idealNode: undefined, isFastStart: false };

test('the request has what is always there, and the rest when it applies', () => {
  expect(text(encodeUpgrade(base))).toBe(
    'GET /derp HTTP/1.1\r\nHost: relay.example\r\nUser-Agent: rhumb\r\nConnection: Upgrade\r\nUpgrade: DERP\r\n\r\n',
  );
  const full = text(encodeUpgrade({ ...base, port: 8_443, idealNode: '1a', isFastStart: true }));
  expect(full).toContain('\r\nHost: relay.example:8443\r\n');
  expect(full).toContain('\r\nIdeal-Node: 1a\r\nDerp-Fast-Start: 1\r\n\r\n');
  expect(text(encodeUpgrade({ ...base, hostName: '2001:db8::1' }))).toContain('Host: [2001:db8::1]\r\n');
});

test('a relay map cannot put lines into the request', () => {
  const request = text(encodeUpgrade({ ...base, hostName: 'a\r\nX: y', idealNode: '1\n2 3' }));
  expect(request.split('\r\n')).toHaveLength(8);
  expect(request).toContain('Host: aX:y\r\n'.replace('aX:y', '[aX:y]'));
});

const HEAD =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\nDerp-Version: 2\r\n\r\n';

test('what comes behind the head is kept, wherever the stream is cut', () => {
  const stream = concat(utf8(HEAD), Uint8Array.of(1, 2, 3));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
      const reader = new UpgradeReader();
      const rest: Uint8Array[] = [];
      let isSwitched = false;
      let at = 0;
      for (let i = 0; at < stream.length; i++) {
        const chunk = stream.subarray(at, at + (sizes[i % sizes.length] as number));
        at += chunk.length;
        if (isSwitched) {
          rest.push(chunk);
          continue;
        }
        const answer = reader.push(chunk);
        expect(answer.kind).not.toBe('refused');
        if (answer.kind === 'switched') {
          isSwitched = true;
          rest.push(answer.rest);
        }
      }
      expect(concat(...rest)).toEqual(Uint8Array.of(1, 2, 3));
    }),
  );
});

test.each([
  [
    'another status',
    'HTTP/1.1 426 Upgrade Required\r\n\r\nDERP requires\nconnection upgrade',
    'it answered 426: DERP requires connection upgrade',
  ],
  ['a status without a text', 'HTTP/1.0 200 OK\r\n\r\n', 'it answered 200'],
  ['not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', 'it does not speak HTTP there'],
  ['a malformed status', 'HTTP/1.1 1x1 Yes\r\n\r\n', 'it does not speak HTTP there'],
  ['a head without an end', `HTTP/1.1 101 Yes\r\n${'x'.repeat(17_000)}`, 'its answer has too large a head'],
  [
    'a head that is too long',
    `HTTP/1.1 101 Yes\r\n${'x'.repeat(17_000)}\r\n\r\n`,
    'its answer has too large a head',
  ],
])('refuses %s', (_, answer, why) => {
  expect(new UpgradeReader().push(utf8(answer))).toEqual({ kind: 'refused', why });
});

test.each([
  ['a refusal', 'HTTP/1.1 404 Not Found\r\n\r\nno relay here', 'it answered 404: no relay here'],
  ['a switch', HEAD, 'it answered a fast start in HTTP'],
  ['a frame', '\u0001\0\0\0(DERP', undefined],
  ['too little to tell', 'HTTP', undefined],
])('an answer to a fast start can be %s', (_, answer, why) => {
  expect(httpRefusal(utf8(answer))).toBe(why);
});
