/** The handshake against the vector sets A and B of data-plane.md §7.3, and what must refuse forged input. */
import { expect, test } from 'vitest';
import { fromHex, toHex } from '#shared/bytes/hex.ts';
import { dh, importPrivate, importPublic } from '#shared/crypto/x25519.ts';
import { cookieFor, hasMac1, hasMac2, mac1Of, macKeysOf, openCookie, sealCookie, stampMacs } from './macs.ts';
import { decodeCookieReply, decodeInitiation, decodeResponse, encodeCookieReply } from './messages.ts';
import { authenticate, finish, initiate, openInitiation, type RemoteStatic, respond } from './noise.ts';
import { encodeTai, nextTai, taiOf } from './tai64n.ts';

const hex = (text: string): Uint8Array => {
  const bytes = fromHex(text.replace(/\s/g, ''));
  if (bytes === undefined) throw new Error('bad hex in a test');
  return bytes;
};

const count = (from: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => from + i);

const si = importPrivate(count(0x00));
const ei = importPrivate(count(0x20));
const sr = importPrivate(count(0x40));
const er = importPrivate(count(0x60));
const I_I = 0x01020304;
const I_R = 0xa1a2a3a4;
const TIMESTAMP = encodeTai({ seconds: 1_700_000_000, nanos: 0x1d000000 });

const remoteOf = (own: typeof si, peer: typeof si): RemoteStatic => {
  const key = importPublic(peer.publicRaw);
  const shared = dh(own, key);
  if (shared === undefined) throw new Error('no shared secret');
  return { key, shared };
};

const INITIATION =
  '0100000004030201358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd1662544df99f4e2d9c658302e247ec71c206e70c31df074049bd3d' +
  '8ab636b27d8a20c5795093f125290044fcfd29465fbd1379f5c9ea438513c07d151e117276b686ae91012cb5f2ac592144df2c71ff9007dd00e519846922b455' +
  '0021850300000000000000000000000000000000';

const SETS = [
  {
    name: 'A, no preshared key',
    psk: undefined,
    response:
      '02000000a4a3a2a104030201675dd574ed7789310b3d2e7681f3790b466c773b1521fecf36577958371ea52f5b09f7e50989c4b920cdccd799d158831a3903a2' +
      'c791ea01f593d3999f301a2900000000000000000000000000000000',
    hash: '275ace14eeedae7a12fbd829321386c7d85543c342025fd8e3d83b81ed588dfd',
    forward: '86c26f3704e4bb39178565fd8ed85de1234a5d04722ebee7c387fd0695b91c37',
    back: 'f9153b2d2d4b16229df2db33fb511c603a17bfc4f1bd42561de8021d263502c4',
  },
  {
    name: 'B, with a preshared key',
    psk: count(0x80),
    response:
      '02000000a4a3a2a104030201675dd574ed7789310b3d2e7681f3790b466c773b1521fecf36577958371ea52f2f1920a1dd90e87d97b8983afbc4ca67e290ab07' +
      '9fc51c7add7ae5f487aa161b00000000000000000000000000000000',
    hash: '56903d5508dda3cacf50a499704c5158b239e7513ad276a0595ecc2abb0cd3cc',
    forward: '4b3c4c082e01f711109ce03f0bb7f8cb981980f6d3cba4fd549a8fe8587b453c',
    back: '4f798f03bf7308ce91fb63a862e4af61bf1117afdb4fea1e170bbae646fe4eae',
  },
];

const start = () => {
  const made = initiate(si, remoteOf(si, sr), { ephemeral: ei, localIndex: I_I, timestamp: TIMESTAMP });
  if (made === undefined) throw new Error('initiate failed');
  stampMacs(made.message, macKeysOf(sr.publicRaw), undefined);
  return made;
};

const answer = (message: Uint8Array, psk: Uint8Array | undefined) => {
  const decoded = decodeInitiation(message);
  const opened = decoded === undefined ? undefined : openInitiation(sr, decoded);
  const remote = remoteOf(sr, si);
  const authentic = opened === undefined ? undefined : authenticate(opened, remote);
  if (opened === undefined || authentic === undefined) throw new Error('initiation refused');
  const made = respond(authentic, remote, { ephemeral: er, localIndex: I_R, presharedKey: psk });
  if (made === undefined) throw new Error('respond failed');
  stampMacs(made.message, macKeysOf(si.publicRaw), undefined);
  return { opened, authentic, ...made };
};

test('the public keys are those of the vectors', () => {
  expect(toHex(si.publicRaw)).toBe('8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f');
  expect(toHex(er.publicRaw)).toBe('675dd574ed7789310b3d2e7681f3790b466c773b1521fecf36577958371ea52f');
});

test('the timestamp is TAI64N with the low 24 bits of the nanoseconds cleared', () => {
  expect(toHex(TIMESTAMP)).toBe('400000006553f10a1d000000');
  expect(taiOf(1_700_000_000_500)).toEqual({ seconds: 1_700_000_000, nanos: 0x1d000000 });
});

test('the timestamp never goes back for one peer, even when the wall clock does', () => {
  const first = nextTai(undefined, 1_700_000_000_990);
  const same = nextTai(first, 1_700_000_000_990);
  const back = nextTai(same, 1_699_999_000_000);
  expect([first, same, back].map((tai) => toHex(encodeTai(tai)))).toEqual([
    '400000006553f10a3b000000',
    '400000006553f10b00000000',
    '400000006553f10b01000000',
  ]);
});

test('the initiation has the bytes of the vector and keeps what the response needs', () => {
  const { message, pending } = start();
  expect(toHex(message)).toBe(INITIATION);
  expect(toHex(pending.chainingKey)).toBe('4bd46c0ad4407508b9d93024003679244a29d3c5657cdfe9e14ce0c83263654e');
  expect(toHex(pending.hash)).toBe('fa4d04f1cea7c042eb510f8b000b756c89d346f30c7ca3d3156514f7158bcbcd');
});

test('the mac and cookie keys are those of the vectors', () => {
  expect(toHex(macKeysOf(sr.publicRaw).mac1)).toBe(
    '800501dc9ca555ecfb8225337aa9eec589101c941a9ffa28e85e2bbb586eacbe',
  );
  expect(toHex(macKeysOf(si.publicRaw).mac1)).toBe(
    '1df93fdc364a0376dfcc880218888973b0e47312db79b658026183918f41ef82',
  );
  expect(toHex(macKeysOf(sr.publicRaw).cookie)).toBe(
    'ee8d30ab43585e5d27713eb4488a5f275a6a7e26d5ccf3bbbd6f4b8b53a21975',
  );
});

test.each(SETS)(
  'set $name: both sides reach the keys of the vectors',
  ({ psk, response, hash, forward, back }) => {
    const { pending } = start();
    const responder = answer(hex(INITIATION), psk);
    expect(toHex(responder.opened.remoteStatic)).toBe(toHex(si.publicRaw));
    expect(toHex(responder.authentic.timestamp)).toBe(toHex(TIMESTAMP));
    expect(toHex(responder.message)).toBe(response);
    const decoded = decodeResponse(responder.message);
    const keys = decoded === undefined ? undefined : finish(si, pending, decoded, psk);
    expect(keys?.remoteIndex).toBe(I_R);
    expect(toHex(keys?.hash ?? new Uint8Array())).toBe(hash);
    expect(toHex(keys?.sendKey ?? new Uint8Array())).toBe(forward);
    expect(toHex(keys?.receiveKey ?? new Uint8Array())).toBe(back);
    expect(toHex(responder.keys.sendKey)).toBe(back);
    expect(toHex(responder.keys.receiveKey)).toBe(forward);
  },
);

test('a forged response leaves the pending initiation able to take the true one', () => {
  const { pending } = start();
  const good = answer(hex(INITIATION), undefined).message;
  for (let at = 12; at < 60; at += 7) {
    const forged = good.slice();
    forged[at] = (forged[at] as number) ^ 1;
    const decoded = decodeResponse(forged);
    expect(decoded === undefined ? undefined : finish(si, pending, decoded, undefined)).toBeUndefined();
  }
  const decoded = decodeResponse(good);
  expect(decoded && finish(si, pending, decoded, undefined)).toBeDefined();
});

test('a response under another preshared key is refused', () => {
  const { pending } = start();
  const decoded = decodeResponse(answer(hex(INITIATION), count(0x80)).message);
  expect(decoded && finish(si, pending, decoded, undefined)).toBeUndefined();
});

test('a low-order ephemeral is refused, on both sides, without an exception', () => {
  const initiation = hex(INITIATION);
  initiation.fill(0, 8, 40);
  const decoded = decodeInitiation(initiation);
  expect(decoded && openInitiation(sr, decoded)).toBeUndefined();
  const response = answer(hex(INITIATION), undefined).message;
  response.fill(0, 12, 44);
  const reply = decodeResponse(response);
  expect(reply && finish(si, start().pending, reply, undefined)).toBeUndefined();
});

test('wrong lengths and types are no messages', () => {
  const initiation = hex(INITIATION);
  expect(decodeInitiation(initiation.subarray(0, 147))).toBeUndefined();
  expect(decodeResponse(initiation)).toBeUndefined();
  initiation[2] = 1;
  expect(decodeInitiation(initiation)).toBeUndefined();
});

test('the cookie reply and the initiation that uses it have the bytes of the vectors', () => {
  const secret = Uint8Array.from({ length: 32 }, (_, i) => 0xa0 + i);
  const cookie = cookieFor(secret, hex('c0000201ca6c'));
  expect(toHex(cookie)).toBe('7016835937852edc1b8d8fdb64effd95');
  const { message } = start();
  const nonce = Uint8Array.from({ length: 24 }, (_, i) => 0xc0 + i);
  const keys = macKeysOf(sr.publicRaw);
  const reply = encodeCookieReply({
    receiver: I_I,
    nonce,
    sealedCookie: sealCookie(keys, nonce, cookie, mac1Of(message)),
  });
  expect(toHex(reply)).toBe(
    '0300000004030201c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d6e8023101411af3e99ef254eaef5e71839a7dd35ae5304b5107b7fd68137e42',
  );
  const decoded = decodeCookieReply(reply);
  expect(decoded && openCookie(keys, decoded, mac1Of(message))).toEqual(cookie);
  expect(decoded && openCookie(keys, decoded, new Uint8Array(16))).toBeUndefined();
  stampMacs(message, keys, cookie);
  expect(toHex(message.subarray(132))).toBe('39661916e759d5a4fa9e87447ed88182');
  expect(hasMac1(message, keys)).toBe(true);
  expect(hasMac2(message, cookie)).toBe(true);
  expect(hasMac2(message, new Uint8Array(16))).toBe(false);
});
