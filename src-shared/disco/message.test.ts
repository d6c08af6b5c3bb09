/** Tests of the disco messages: the reference vectors (nat-traversal.md §10.2), round trips, truncation. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../bytes/hex.ts';
import { formatIp } from '../ip/address.ts';
import { type NodeKey, nodeKeyFrom } from '../key/key.ts';
import { type DiscoMessage, decodeMessage, encodeMessage, TX_ID_LENGTH } from './message.ts';

const bytes = (hex: string): Uint8Array => {
  const out = fromHex(hex);
  if (out === undefined) throw new TypeError(hex);
  return out;
};

const TX = '0102030405060708090a0b0c';
const KEY_HEX = '0001020000000000000000000000000000000000000000000000000000001e1f';
const txId = bytes(TX);
const nodeKey = nodeKeyFrom(bytes(KEY_HEX));

const VECTORS: readonly { name: string; hex: string; message: DiscoMessage }[] = [
  {
    name: 'ping without a key',
    hex: `0100${TX}`,
    message: { type: 'ping', txId, nodeKey: undefined, padding: 0 },
  },
  {
    name: 'ping without a key, padded',
    hex: `0100${TX}000000`,
    message: { type: 'ping', txId, nodeKey: undefined, padding: 3 },
  },
  {
    name: 'ping with a key',
    hex: `0100${TX}${KEY_HEX}`,
    message: { type: 'ping', txId, nodeKey, padding: 0 },
  },
  {
    name: 'ping with a key, padded',
    hex: `0100${TX}${KEY_HEX}000000`,
    message: { type: 'ping', txId, nodeKey, padding: 3 },
  },
  {
    name: 'pong over IPv4',
    hex: `0200${TX}00000000000000000000ffff0203040504d2`,
    message: { type: 'pong', txId, source: { ip: '2.3.4.5', port: 1234 } },
  },
  {
    name: 'pong over IPv6',
    hex: `0200${TX}fed000000000000000000000000000121a0a`,
    message: { type: 'pong', txId, source: { ip: 'fed0::12', port: 6666 } },
  },
  { name: 'empty call-me-maybe', hex: '0300', message: { type: 'call-me-maybe', endpoints: [] } },
  {
    name: 'call-me-maybe with two endpoints',
    hex: '030000000000000000000000ffff010203040237200100000000000000000000000034560315',
    message: {
      type: 'call-me-maybe',
      endpoints: [
        { ip: '1.2.3.4', port: 567 },
        { ip: '2001::3456', port: 789 },
      ],
    },
  },
];

describe('disco messages', () => {
  test.each(VECTORS)('encodes: $name', ({ message, hex }) => expect(toHex(encodeMessage(message))).toBe(hex));
  test.each(VECTORS)('decodes: $name', ({ message, hex }) =>
    expect(decodeMessage(bytes(hex))).toEqual(message),
  );

  test('takes an all-zero node key as none', () => {
    expect(decodeMessage(bytes(`0100${TX}${'00'.repeat(32)}`))).toEqual({
      type: 'ping',
      txId,
      nodeKey: undefined,
      padding: 0,
    });
  });

  test.each([
    ['a type from the future', `0a00${TX}`],
    ['a peer-relay message', `0400${TX}`],
    ['nothing', ''],
    ['a type alone', '01'],
    ['a ping cut short', '01000102030405060708090a0b'],
    ['a pong cut short', `0200${TX}00000000000000000000ffff0203040504`],
  ])('gives nothing for %s', (_name, hex) => expect(decodeMessage(bytes(hex))).toBeUndefined());

  test.each([
    ['another version', '030100000000000000000000ffff010203040237'],
    ['a length that does not divide', '030000000000000000000000ffff0102030402'],
  ])('reads a call-me-maybe with %s as empty', (_name, hex) =>
    expect(decodeMessage(bytes(hex))).toEqual({ type: 'call-me-maybe', endpoints: [] }),
  );

  test('ignores trailing bytes after a pong and a later version of it', () => {
    const hex = `0207${TX}00000000000000000000ffff0203040504d2ffff`;
    expect(decodeMessage(bytes(hex))).toEqual({ type: 'pong', txId, source: { ip: '2.3.4.5', port: 1234 } });
  });

  test('refuses to encode what is not an address', () => {
    expect(() => encodeMessage({ type: 'pong', txId, source: { ip: 'fra-1', port: 1 } })).toThrow(
      'not an ip',
    );
  });
});

const raw = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const arbitraryKey: fc.Arbitrary<NodeKey> = raw(32)
  .filter((key) => key.some((byte) => byte !== 0))
  .map(nodeKeyFrom);
const arbitraryAddress = fc.record({
  // An IPv4-mapped address comes back as IPv4, so it is not drawn as IPv6.
  ip: fc
    .oneof(
      raw(4),
      raw(16).filter((ip) => ip[0] !== 0),
    )
    .map(formatIp),
  port: fc.integer({ min: 0, max: 65_535 }),
});
const arbitraryMessage: fc.Arbitrary<DiscoMessage> = fc.oneof(
  fc.record({
    type: fc.constant('ping' as const),
    txId: raw(TX_ID_LENGTH),
    nodeKey: arbitraryKey,
    padding: fc.nat(1400),
  }),
  fc.record({
    type: fc.constant('ping' as const),
    txId: raw(TX_ID_LENGTH),
    nodeKey: fc.constant(undefined),
    // From 32 zero bytes on, padding reads as an absent key.
    padding: fc.nat(31),
  }),
  fc.record({ type: fc.constant('pong' as const), txId: raw(TX_ID_LENGTH), source: arbitraryAddress }),
  fc.record({
    type: fc.constant('call-me-maybe' as const),
    endpoints: fc.array(arbitraryAddress, { maxLength: 12 }),
  }),
);

test('every message survives the round trip', () => {
  fc.assert(
    fc.property(arbitraryMessage, (message) => {
      expect(decodeMessage(encodeMessage(message))).toEqual(message);
    }),
  );
});

test('no bytes make the decoder throw, cut or flipped anywhere', () => {
  fc.assert(
    fc.property(arbitraryMessage, fc.nat(), fc.nat(255), (message, at, flip) => {
      const whole = encodeMessage(message);
      for (let length = 0; length <= Math.min(whole.length, 80); length++)
        decodeMessage(whole.subarray(0, length));
      const index = at % whole.length;
      whole[index] = (whole[index] as number) ^ flip;
      decodeMessage(whole);
    }),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => void decodeMessage(noise)));
});
