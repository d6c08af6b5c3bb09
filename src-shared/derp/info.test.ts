/** The infos of relay client and server are read as tolerantly as the official programs read them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8 } from '../bytes/bytes.ts';
import {
  decodeClientInfoJson,
  decodeServerInfoJson,
  encodeClientInfoJson,
  encodeServerInfoJson,
} from './info.ts';

const NONE = { version: 0, canAckPings: false, isProber: false, appName: '', meshKey: undefined };
const KEY = 'ab'.repeat(32);

test.each([
  ['in full', '{"version":2,"CanAckPings":true}', { version: 2, canAckPings: true }],
  ['in other cases', '{"VERSION":2,"canackpings":true}', { version: 2, canAckPings: true }],
  ['with names that nobody knows', '{"version":2,"can_ack_pings":true,"mesh_key":"none"}', { version: 2 }],
  ['with nulls', '{"version":null,"AppName":null}', {}],
  ['the later of two', '{"Version":1,"version":2}', { version: 2 }],
  ['empty', '{}', {}],
  ['null', 'null', {}],
  ['a mesh key', `{"meshKey":"${KEY}"}`, { meshKey: new Uint8Array(32).fill(0xab) }],
  ['a mesh key of zeros, which is none', `{"meshKey":"${'0'.repeat(64)}"}`, {}],
  [
    'a label, of which the beginning counts',
    `{"AppName":"${'é'.repeat(300)}"}`,
    { appName: 'é'.repeat(256) },
  ],
  ['a prototype that is just a name', '{"__proto__":{"version":9}}', {}],
])('client info: %s', (_, json, wanted) => {
  expect(decodeClientInfoJson(utf8(json))).toEqual({ ...NONE, ...wanted });
});

test.each([
  ['nothing', ''],
  ['half', '{"version":'],
  ['a list', '[]'],
  ['a text', '"x"'],
  ['a version that is text', '{"version":"2"}'],
  ['a fraction', '{"version":1.5}'],
  ['a number for a truth', '{"CanAckPings":1}'],
  ['an empty mesh key', '{"meshKey":""}'],
  ['a short mesh key', `{"meshKey":"${KEY.slice(2)}"}`],
  ['a mesh key that is null', '{"meshKey":null}'],
  ['a mesh key that is not hex', `{"MESHKEY":"${'zz'.repeat(32)}"}`],
])('client info that is refused: %s', (_, json) => {
  expect(decodeClientInfoJson(utf8(json))).toBeUndefined();
});

test('server info names a rate or none, and is refused when it is not a number', () => {
  const limited = { version: 2, tokenBucketBytesPerSecond: 10, tokenBucketBytesBurst: 20 };
  expect(decodeServerInfoJson(encodeServerInfoJson(limited))).toEqual(limited);
  expect(decodeServerInfoJson(utf8('{"version":2,"tokenbucketbytespersecond":-1}'))).toEqual({
    version: 2,
    tokenBucketBytesPerSecond: 0,
    tokenBucketBytesBurst: 0,
  });
  expect(decodeServerInfoJson(utf8('{"TokenBucketBytesPerSecond":"1"}'))).toBeUndefined();
});

test('what is emitted is what the official client emits', () => {
  const text = (json: Uint8Array): string => new TextDecoder().decode(json);
  expect(text(encodeClientInfoJson({ version: 2, canAckPings: true, appName: '' }))).toBe(
    '{"version":2,"CanAckPings":true}',
  );
  expect(text(encodeClientInfoJson({ version: 2, canAckPings: false, isProber: true, appName: 'x' }))).toBe(
    '{"version":2,"CanAckPings":false,"IsProber":true,"AppName":"x"}',
  );
  expect(text(encodeServerInfoJson({ version: 2 }))).toBe('{"version":2}');
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeClientInfoJson(bytes);
      decodeServerInfoJson(bytes);
    }),
  );
  fc.assert(
    fc.property(fc.json(), (json) => {
      decodeClientInfoJson(utf8(json));
      decodeServerInfoJson(utf8(json));
    }),
  );
});
