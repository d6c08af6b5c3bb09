/** Tests of the disco messages: the reference vectors (nat-traversal.md §10.2), round trips, truncation. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../bytes/hex.ts';
import { formatIp } from '../ip/address.ts';
import { type DiscoKey, discoKeyFrom, type NodeKey, nodeKeyFrom } from '../key/key.ts';
import { MAX_ADDRESSES, TX_ID_LENGTH } from './fields.ts';
import { type DiscoMessage, decodeMessage, encodeMessage } from './message.ts';
import type { RelayEndpoint } from './peer-relay.ts';

const bytes = (hex: string): Uint8Array => {
  const out = fromHex(hex);
  if (out === undefined) throw new TypeError(hex);
  return out;
};

const TX = '0102030405060708090a0b0c';
const KEY_HEX = '0001020000000000000000000000000000000000000000000000000000001e1f';
const txId = bytes(TX);
const nodeKey = nodeKeyFrom(bytes(KEY_HEX));

const range32 = Uint8Array.from({ length: 32 }, (_, i) => i);
const BIND = `0000000100000002${KEY_HEX}${toHex(range32)}`;
const C1_HEX = '0001020300000000000000000000000000000000000000000000000000001e1f';
const C2_HEX = '0001020004000000000000000000000000000000000000000000000000001e1f';
const ENDPOINT = `${KEY_HEX}${C1_HEX}${C2_HEX}000000000000007b000001c8000000003b9aca000000000df847580000000000000000000000ffff010203040237200100000000000000000000000034560315`;
const endpoint: RelayEndpoint = {
  server: discoKeyFrom(bytes(KEY_HEX)),
  clients: [discoKeyFrom(bytes(C1_HEX)), discoKeyFrom(bytes(C2_HEX))],
  lamportId: 123n,
  vni: 456,
  bindLifetimeNs: 1_000_000_000n,
  steadyLifetimeNs: 60_000_000_000n,
  endpoints: [
    { ip: '1.2.3.4', port: 567 },
    { ip: '2001::3456', port: 789 },
  ],
};

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
  {
    name: 'bind',
    hex: `0400${BIND}`,
    message: {
      type: 'bind',
      vni: 1,
      generation: 2,
      remote: discoKeyFrom(bytes(KEY_HEX)),
      challenge: range32,
    },
  },
  {
    name: 'bind challenge',
    hex: `0500${BIND}`,
    message: {
      type: 'bind-challenge',
      vni: 1,
      generation: 2,
      remote: discoKeyFrom(bytes(KEY_HEX)),
      challenge: range32,
    },
  },
  {
    name: 'bind answer',
    hex: `0600${BIND}`,
    message: {
      type: 'bind-answer',
      vni: 1,
      generation: 2,
      remote: discoKeyFrom(bytes(KEY_HEX)),
      challenge: range32,
    },
  },
  {
    name: 'call-me-maybe-via',
    hex: `0700${ENDPOINT}`,
    message: { type: 'call-me-maybe-via', endpoint },
  },
  {
    name: 'allocate request',
    hex: `0800${C1_HEX}${C2_HEX}00000001`,
    message: { type: 'allocate-request', clients: endpoint.clients, generation: 1 },
  },
  {
    name: 'allocate response',
    hex: `090000000001${ENDPOINT}`,
    message: { type: 'allocate-response', generation: 1, endpoint },
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
    ['a peer-relay message of a later version', `0401${BIND}`],
    ['a bind cut short', `0400${BIND.slice(2)}`],
    ['an allocate request cut short', `0800${C1_HEX}${C2_HEX}000001`],
    ['an allocate response without an endpoint', '090000000001'],
    ['a call-me-maybe-via without an address', `0700${ENDPOINT.slice(0, -72)}`],
    ['a call-me-maybe-via with half an address', `0700${ENDPOINT.slice(0, -2)}`],
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

  test('reads no more addresses of a call-me-maybe than any machine has', () => {
    const many = `0300${'00000000000000000000ffff010203040237'.repeat(3_000)}`;
    expect(decodeMessage(bytes(many))).toMatchObject({ endpoints: { length: MAX_ADDRESSES } });
  });

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
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const arbitraryDisco: fc.Arbitrary<DiscoKey> = raw(32).map(discoKeyFrom);
const twoKeys = fc.tuple(arbitraryDisco, arbitraryDisco);
const arbitraryEndpoint: fc.Arbitrary<RelayEndpoint> = fc.record({
  server: arbitraryDisco,
  clients: twoKeys,
  lamportId: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  vni: u32,
  bindLifetimeNs: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  steadyLifetimeNs: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  endpoints: fc.array(arbitraryAddress, { minLength: 1, maxLength: 12 }),
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
  fc.record({
    type: fc.constantFrom('bind' as const, 'bind-challenge' as const, 'bind-answer' as const),
    vni: u32,
    generation: u32,
    remote: arbitraryDisco,
    challenge: raw(32),
  }),
  fc.record({ type: fc.constant('call-me-maybe-via' as const), endpoint: arbitraryEndpoint }),
  fc.record({ type: fc.constant('allocate-request' as const), clients: twoKeys, generation: u32 }),
  fc.record({
    type: fc.constant('allocate-response' as const),
    generation: u32,
    endpoint: arbitraryEndpoint,
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
