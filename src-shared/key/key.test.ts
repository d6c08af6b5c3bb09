/** Key text forms, with the vectors of control-protocol.md §12.1. */
import { expect, test } from 'vitest';
import {
  formatPrivate,
  isZeroKey,
  keyBytes,
  machineKeyFrom,
  nodeKeyFrom,
  parseMachineKey,
  parseNodeKey,
  parsePrivateKey,
  privateKeyFrom,
  shortKey,
  ZERO_NODE_KEY,
} from './key.ts';

const PUBLIC = '50d20b455ecf12bc453f83c2cfdb2a24925d06cf2598dcaa54e91af82ce9f765';
const PRIVATE = '40ab1b58e9076c7a4d9d07291f5edf9d1aa017eb949624ba683317f48a640369';

test('text forms go both ways', () => {
  expect(nodeKeyFrom(keyBytes(parseNodeKey(`nodekey:${PUBLIC}`)))).toBe(`nodekey:${PUBLIC}`);
  expect(machineKeyFrom(keyBytes(parseMachineKey(`mkey:${PUBLIC.toUpperCase()}`)))).toBe(`mkey:${PUBLIC}`);
  expect(formatPrivate(parsePrivateKey(`privkey:${PRIVATE}`))).toBe(`privkey:${PRIVATE}`);
});

test.each([
  '',
  'nodekey:',
  `nodekey:${PUBLIC}0`,
  `nodekey:${PUBLIC.slice(1)}`,
  `NODEKEY:${PUBLIC}`,
  `mkey:${PUBLIC}`,
  `nodekey:${'g'.repeat(64)}`,
])('refuses %j as a node key, without repeating it', (text) => {
  expect(() => parseNodeKey(text)).toThrow('not a node key: want nodekey: and 64 hex digits');
});

test('a private key is clamped when made and is not in the error when malformed', () => {
  const key = privateKeyFrom(new Uint8Array(32).fill(0xff));
  expect([key[0], key[31]]).toEqual([0xf8, 0x7f]);
  expect(() => parsePrivateKey(`privkey:${PRIVATE}ff`)).toThrow(
    /^not a private key: want privkey: and 64 hex digits$/,
  );
});

test('zero means absent', () => {
  expect(isZeroKey(ZERO_NODE_KEY)).toBe(true);
  expect(shortKey(ZERO_NODE_KEY)).toBe('');
});

test('the log form is five base64 characters', () => {
  expect(shortKey(parseNodeKey(`nodekey:${PUBLIC}`))).toBe('[UNILR]');
});
