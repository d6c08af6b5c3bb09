/** The STUN codec against fixed bytes, foreign servers' answers and garbage (nat-traversal.md §10.1). */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat } from '../bytes/bytes.ts';
import { fromHex, toHex } from '../bytes/hex.ts';
import { formatSockAddr } from '../ip/address.ts';
import { crc32 } from './crc32.ts';
import {
  decodeBindingRequest,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  isStun,
  isStunBinding,
} from './stun.ts';

const hex = (text: string): Uint8Array => {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new TypeError(text);
  return bytes;
};
const counting = hex('0102030405060708090a0b0c');

test('the checksum is the well-known one', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf4_3926);
});

test.each([
  [
    '0102030405060708090a0b0c',
    '000100142112a4420102030405060708090a0b0c802200087461696c6e6f646580280004b32c370f',
  ],
  [
    '000000000000000000000000',
    '000100142112a442000000000000000000000000802200087461696c6e6f6465802800042a804712',
  ],
])('a request with id %s has these bytes, and the server takes it', (txId, bytes) => {
  expect(toHex(encodeRequest(hex(txId)))).toBe(bytes);
  expect(toHex(decodeRequest(hex(bytes))?.txId ?? counting.subarray(0, 0))).toBe(txId);
});

test.each([
  ['192.0.2.1', '0101000c2112a4420102030405060708090a0b0c00200008000183bbe112a643'],
  ['::ffff:192.0.2.1', '0101000c2112a4420102030405060708090a0b0c00200008000183bbe112a643'],
  ['2001:db8::1', '010100182112a4420102030405060708090a0b0c00200014000283bb0113a9fa0102030405060708090a0b0d'],
])('an answer to %s has these bytes', (ip, bytes) => {
  expect(toHex(encodeResponse(counting, { ip, port: 41_641 }))).toBe(bytes);
});

test.each([
  [
    'google-1',
    '0101000c2112a4422360b11e3ec68ffa93e08007002000080001c7866957856f',
    '72.69.33.45:59028',
    '2360b11e3ec68ffa93e08007',
  ],
  [
    'google-2',
    '0101000c2112a442f9f121cbde7d7c75923ce271002000080001c7876957856f',
    '72.69.33.45:59029',
    'f9f121cbde7d7c75923ce271',
  ],
  [
    'the old number of XOR-MAPPED-ADDRESS',
    '010100442112a442482eb64715e8b28eaead6444000100080001e4ab4845212d0004000800012710d90a44980005000800012711d9747a8a802000080001c5b96957856f80220010566f766964612e6f726720302e393600',
    '72.69.33.45:58539',
    '482eb64715e8b28eaead6444',
  ],
  [
    'MAPPED-ADDRESS alone',
    '010100242112a4427e57966829f444609d1deaa6000100080001e9d34845212d0004000800010d964d48a9d40005000800010d974d48a9d5',
    '72.69.33.45:59859',
    '7e57966829f444609d1deaa6',
  ],
  [
    'bytes after the message',
    '010100242112a442ebc2d36ef471217c4f3e308e8022000a656e64706f696e7465720000002000080001ce665e12a44380280004b699bb02010100242112a442',
    '127.0.0.1:61300',
    'ebc2d36ef471217c4f3e308e',
  ],
  [
    'IPv6',
    '010100482112a44206f56685d28af3e69ce341e200010014000290ce260200d1b4cfc10038b231fffeef96f6802b001400020d962604a880000200d10000000000c57001002000140002b1dc0710a493b23aa785ea38c219620cd714',
    '[2602:d1:b4cf:c100:38b2:31ff:feef:96f6]:37070',
    '06f56685d28af3e69ce341e2',
  ],
  [
    'three bytes of padding',
    '010100142112a442ebc2d36ef471217c4f3e308e8022000161000000002000080001ce665e12a443',
    '127.0.0.1:61300',
    'ebc2d36ef471217c4f3e308e',
  ],
  [
    'one byte of padding',
    '010100142112a442ebc2d36ef471217c4f3e308e8022000361626300002000080001ce665e12a443',
    '127.0.0.1:61300',
    'ebc2d36ef471217c4f3e308e',
  ],
  [
    'IPv4 inside IPv6',
    '010100182112a4424fd5d202dcb37d31fc773306002000140002cd3d2112a4424fd5d202dcb382ce2dc3fcc7',
    '209.180.207.193:60463',
    '4fd5d202dcb37d31fc773306',
  ],
])('reads an answer with %s', (_name, bytes, addr, txId) => {
  const response = decodeResponse(hex(bytes));
  expect(response && [formatSockAddr(response.addr), toHex(response.txId)]).toEqual([addr, txId]);
});

const bare = `000000002112a442${'00'.repeat(12)}`;
test.each([
  ['a bare header', bare, true],
  ['more bytes after it', `${bare}00ff`, true],
  ['other low bits in the first byte', `20${bare.slice(2)}`, true],
  ['a byte less', bare.slice(2), false],
  ['high bits set', `f0${bare.slice(2)}`, false],
  ['one high bit set', `40${bare.slice(2)}`, false],
  ['no cookie', '00'.repeat(20), false],
  ['nothing', '', false],
])('tells whether it is STUN: %s', (_name, bytes, want) => {
  expect(isStun(hex(bytes))).toBe(want);
});

test('only the method Binding belongs to us on a shared socket', () => {
  expect(isStunBinding(hex(bare))).toBe(false);
  expect(isStunBinding(encodeRequest(counting))).toBe(true);
  expect(isStunBinding(encodeResponse(counting, { ip: '192.0.2.1', port: 1 }))).toBe(true);
});

/** A request with these attributes and, unless it is false, a right fingerprint at its end. */
function request(attributes: string, isSealed = true): Uint8Array {
  const body = hex(attributes);
  const head = hex(
    `0001${(body.length + (isSealed ? 8 : 0)).toString(16).padStart(4, '0')}2112a442${'07'.repeat(12)}`,
  );
  const unsealed = concat(head, body);
  if (!isSealed) return unsealed;
  const sum = ((crc32(unsealed) ^ 0x5354_554e) >>> 0).toString(16).padStart(8, '0');
  return concat(unsealed, hex(`80280004${sum}`));
}
const OURS = '802200087461696c6e6f6465';

test.each([
  ['ours', request(OURS), true, true],
  ['another attribute before it', request(`00240004 6e0001ff${OURS}`.replaceAll(' ', '')), true, true],
  ['other software', request('80220004636f7475'), false, true],
  ['no software', request(''), false, true],
  ['no fingerprint', request(OURS, false), false, true],
  ['a bare header', request('', false), false, true],
  ['a wrong fingerprint', request(OURS).fill(0, 36), false, false],
  ['the fingerprint before the end', concat(request(OURS), hex('80220000')), false, false],
  ['a length without the fingerprint', request(OURS).fill(12, 3, 4), false, false],
  ['an attribute beyond the end', request('8022ffff', false), false, false],
  ['half an attribute', request('8022', false), false, false],
  ['an answer', encodeResponse(counting, { ip: '192.0.2.1', port: 1 }), false, false],
])('a server judges a request with %s', (_name, bytes, isStrictlyOk, isOk) => {
  expect(decodeRequest(bytes) !== undefined).toBe(isStrictlyOk);
  expect(decodeBindingRequest(bytes, { strict: false }) !== undefined).toBe(isOk);
});

test.each([
  ['a request', encodeRequest(counting)],
  ['an error answer', hex('011100002112a4420102030405060708090a0b0c')],
  ['no address', hex('010100002112a4420102030405060708090a0b0c')],
  ['a length beyond the datagram', hex('0101000d2112a4420102030405060708090a0b0c00200008000183bbe112a643')],
  ['an address that is cut short', hex('010100082112a4420102030405060708090a0b0c00200004000183bb')],
  ['an unknown family', hex('0101000c2112a4420102030405060708090a0b0c00200008000383bbe112a643')],
])('no answer is read from %s', (_name, bytes) => {
  expect(decodeResponse(bytes)).toBeUndefined();
});

const txIds = fc.uint8Array({ minLength: 12, maxLength: 12 });
const addrs = fc.record({
  ip: fc.oneof(fc.ipV4(), fc.constantFrom('2001:db8::1', '::1', 'fe80::1:2')),
  port: fc.integer({ min: 0, max: 65_535 }),
});

test('answers survive the way there and back', () => {
  fc.assert(
    fc.property(txIds, addrs, (txId, addr) => {
      expect(decodeResponse(encodeResponse(txId, addr))).toEqual({ txId, addr });
    }),
  );
});

test('no bytes make a decoder throw, and what was flipped is not taken for a request', () => {
  const base = encodeRequest(counting);
  const flipped = fc.record({ at: fc.nat(base.length * 8 - 1) }).map(({ at }) => {
    const bytes = base.slice();
    bytes[at >> 3] = (bytes[at >> 3] as number) ^ (1 << (at & 7));
    return bytes;
  });
  fc.assert(
    fc.property(flipped, (bytes) => {
      expect(decodeRequest(bytes)).toBeUndefined();
    }),
  );
  const noise = fc
    .tuple(fc.constantFrom('0001', '0101', '0111'), fc.uint8Array({ maxLength: 80 }))
    .map(([type, tail]) =>
      concat(hex(`${type}${tail.length.toString(16).padStart(4, '0')}2112a442${'01'.repeat(12)}`), tail),
    );
  fc.assert(
    fc.property(fc.oneof(noise, fc.uint8Array({ maxLength: 64 })), (bytes) => {
      decodeRequest(bytes);
      decodeBindingRequest(bytes, { strict: false });
      decodeResponse(bytes);
    }),
  );
});
