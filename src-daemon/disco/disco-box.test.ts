/** Tests of sealing and opening: the computed envelopes of nat-traversal.md §10.4, strangers, forgeries. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '#shared/bytes/hex.ts';
import { publicOf } from '#shared/crypto/x25519.ts';
import { encodeEnvelope } from '#shared/disco/envelope.ts';
import type { DiscoMessage } from '#shared/disco/message.ts';
import { discoKeyFrom, nodeKeyFrom, type PrivateKey, privateKeyFrom } from '#shared/key/key.ts';
import { DiscoBox } from './disco-box.ts';

const range = (first: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => first + i);
const discoA = privateKeyFrom(range(0x01, 32));
const discoB = privateKeyFrom(range(0x21, 32));
const nodeA = nodeKeyFrom(publicOf(privateKeyFrom(range(0x41, 32))));
const keyA = discoKeyFrom(publicOf(discoA));
const keyB = discoKeyFrom(publicOf(discoB));
const txId = range(1, 12);
const from = { ip: '192.0.2.1', port: 41_641 };

const box = (key: PrivateKey, nonceFrom: number): DiscoBox => {
  const made = new DiscoBox(key, (length) => range(nonceFrom, length));
  made.setPeers([keyA, keyB]);
  return made;
};

const MAGIC = '5453f09f92ac';
const ping = (padding: number): DiscoMessage => ({ type: 'ping', txId, nodeKey: nodeA, padding });

const ENVELOPES: readonly {
  name: string;
  key: PrivateKey;
  nonce: number;
  message: DiscoMessage;
  hex: string;
}[] = [
  {
    name: 'ping from A to B',
    key: discoA,
    nonce: 0x00,
    message: ping(0),
    hex: `${MAGIC}07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c000102030405060708090a0b0c0d0e0f1011121314151617d621f7f9d776d19fed8b536f98fba3d813f5da5b593978d4fefa4809f44e750c74bbc4b83934ab88e915d30da24bcd7da7d3a211d5e79943730d3808c336`,
  },
  {
    name: 'pong from B to A',
    key: discoB,
    nonce: 0x18,
    message: { type: 'pong', txId, source: from },
    hex: `${MAGIC}5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f4565ce935c475bd26f87eefa6e0786088a48742e67396b67ef3864bdb065b1dac5154d46ff594a52a2ce7229a7f285f1`,
  },
  {
    name: 'call-me-maybe from A to B',
    key: discoA,
    nonce: 0x30,
    message: { type: 'call-me-maybe', endpoints: [from, { ip: '2001:db8::1', port: 41_641 }] },
    hex: `${MAGIC}07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c303132333435363738393a3b3c3d3e3f40414243444546472a8c3d6a7f03e62e9c0fb68912bd631e4516b1a457f21aaf2e38663def0162d37ad386712afce6f4e40a2815ebc258a11d07d3d5685e`,
  },
];

const PADDED = [
  [
    1252,
    '78b95c38e3ca8d57ad8cc937e04cf7a4',
    '9c425423a37bb8c6d200ad1a4477712bf777dc37dcc5544d401099e3708d89df',
  ],
  [
    1232,
    '3a34cf7e281f312968f01013a61c50de',
    '86721f957ddad19c44d8f73b169edd4cf7b0cca6c587b2829de1256898d18848',
  ],
  [
    1332,
    'd68c8908c85c4e9ef1fb68b4b28f02b2',
    '767ce391882105b8a49c84e29de70f0935b136e2b34b8be3d43027141d09fb3a',
  ],
  [
    1472,
    '21bee619814d1f7f409399ae01e20c2c',
    '79669cfbfeabd7a87c77c8a9d100899b6da69c8effdd31d1c4b6653d320bced3',
  ],
] as const;

const reference = (hex: string): Uint8Array => {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new TypeError(hex);
  return bytes;
};
const peerOf = (key: PrivateKey): DiscoBox => box(key === discoA ? discoB : discoA, 0);

describe('reference envelopes', () => {
  test.each(ENVELOPES)('seals: $name', ({ key, nonce, message, hex }) => {
    const sealed = box(key, nonce).seal(key === discoA ? keyB : keyA, message);
    expect(toHex(sealed ?? new Uint8Array())).toBe(hex);
  });

  test.each(ENVELOPES)('opens: $name', ({ key, message, hex }) => {
    const sender = key === discoA ? keyA : keyB;
    expect(peerOf(key).open(reference(hex), from, 0)).toEqual({ ok: true, sender, message });
  });

  test.each(PADDED)('pads a ping to %i bytes', (length, tag, sha256) => {
    const sealed = box(discoA, 0).seal(keyB, ping(length - 124)) ?? new Uint8Array();
    expect(sealed.length).toBe(length);
    expect(toHex(sealed.subarray(62, 78))).toBe(tag);
    expect(createHash('sha256').update(sealed).digest('hex')).toBe(sha256);
  });
});

test('a stranger is dropped before any key agreement', () => {
  const sealed = box(discoA, 0).seal(keyB, ping(0)) ?? new Uint8Array();
  const receiver = new DiscoBox(discoB);
  expect(receiver.open(sealed, from, 0)).toEqual({ ok: false, why: 'unknown-sender' });
  expect(receiver.seal(keyA, ping(0))).toBeUndefined();
});

test('a peer whose key is of low order is neither spoken to nor believed', () => {
  const zero = discoKeyFrom(new Uint8Array(32));
  const receiver = new DiscoBox(discoB);
  receiver.setPeers([zero]);
  expect(receiver.seal(zero, ping(0))).toBeUndefined();
  const forged = encodeEnvelope({ sender: zero, nonce: range(0, 24), box: new Uint8Array(60) });
  expect(receiver.open(forged, from, 0)).toEqual({ ok: false, why: 'unopened' });
});

test('a peer that left the map is a stranger again', () => {
  const sealed = box(discoA, 0).seal(keyB, ping(0)) ?? new Uint8Array();
  const receiver = box(discoB, 0);
  expect(receiver.open(sealed, from, 0).ok).toBe(true);
  receiver.setPeers([]);
  expect(receiver.open(sealed, from, 0)).toEqual({ ok: false, why: 'unknown-sender' });
});

describe('forgeries in the name of a known peer', () => {
  const sealed = box(discoA, 0).seal(keyB, ping(0)) ?? new Uint8Array();
  const forgery = sealed.with(70, (sealed[70] as number) ^ 1);
  const attacker = { ip: '198.51.100.66', port: 666 };

  test('are held back once they failed often, and let through again later', () => {
    const receiver = box(discoB, 0);
    const outcomes = Array.from({ length: 600 }, () => receiver.open(forgery, attacker, 1_000));
    expect(outcomes.filter((o) => !o.ok && o.why === 'unopened')).toHaveLength(500);
    expect(outcomes.at(-1)).toEqual({ ok: false, why: 'rate-limited' });
    expect(receiver.open(forgery, attacker, 2_000)).toEqual({ ok: false, why: 'unopened' });
  });

  test('never hold back the address from which the real peer speaks', () => {
    const receiver = box(discoB, 0);
    expect(receiver.open(sealed, from, 0).ok).toBe(true);
    for (let i = 0; i < 600; i++) receiver.open(forgery, attacker, 1_000);
    expect(receiver.open(sealed, from, 1_000).ok).toBe(true);
    expect(receiver.open(sealed, attacker, 1_000)).toEqual({ ok: false, why: 'rate-limited' });
  });
});

test('no datagram makes it throw: cut, flipped or noise', () => {
  const receiver = box(discoB, 0);
  const sealed = box(discoA, 0).seal(keyB, ping(0)) ?? new Uint8Array();
  for (let length = 0; length < sealed.length; length++)
    expect(receiver.open(sealed.subarray(0, length), from, length * 1_000).ok).toBe(false);
  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const other = sealed.slice();
      other[at] = (other[at] as number) ^ flip;
      // Only the sender's key and the nonce are outside the box; everything is bound to them.
      expect(receiver.open(other, from, 0).ok).toBe(false);
    }),
  );
});
