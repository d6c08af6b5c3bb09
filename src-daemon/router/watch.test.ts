/** What the kernel's messages say is gone; bytes as Linux 6.18 sent them, shortened. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deletionReader } from './watch.ts';

/** struct nlmsghdr and a body, in this machine's byte order. */
function message(type: number, pid: number, body: readonly number[]): Uint8Array {
  const length = 16 + body.length;
  const head = new Uint8Array(16);
  head.set(new Uint8Array(Uint32Array.of(length).buffer), 0);
  head.set(new Uint8Array(Uint16Array.of(type).buffer), 4);
  head.set(new Uint8Array(Uint32Array.of(pid).buffer), 12);
  return Uint8Array.of(...head, ...body, ...new Uint8Array(-length & 3));
}
const u32 = (n: number): number[] => [...new Uint8Array(Uint32Array.of(n).buffer)];
const attribute = (type: number, value: readonly number[]): number[] => [
  ...new Uint8Array(Uint16Array.of(4 + value.length, type).buffer),
  ...value,
];
const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((p) => [...p]));

const DEL_RULE = message(33, 77, [
  ...[2, 0, 0, 0, 52, 0, 0, 1, 0, 0, 0, 0],
  ...attribute(15, u32(52)),
  ...attribute(6, u32(5_270)),
]);
const DEL_ROUTE = message(25, 78, [2, 24, 0, 0, 52, 82, 0, 1, 0, 0, 0, 0]);
const DEL_ADDRESS = message(21, 79, [2, 32, 128, 0, ...u32(7)]);
const NEW_LINK = message(16, 0, [0, 0, 0, 0, ...u32(7), 0, 0, 0, 0]);
const nft = (type: number, body: readonly number[] = []): Uint8Array =>
  message((10 << 8) | type, 1, [0, 0, 0, 0, ...body]);
/** Ends a transaction; numbers in network order. */
const GENERATION = nft(15, [...attribute(1, [0, 0, 0, 9]), ...attribute(2, [0, 0, 1, 44])]);

test.each([
  { name: 'a rule', datagram: DEL_RULE, found: [{ what: 'rule', priority: 5_270, pid: 77 }] },
  { name: 'a route', datagram: DEL_ROUTE, found: [{ what: 'route', table: 52, pid: 78 }] },
  { name: 'an address', datagram: DEL_ADDRESS, found: [{ what: 'address', index: 7, pid: 79 }] },
  { name: 'a link that changed', datagram: NEW_LINK, found: [{ what: 'address', index: 7, pid: 0 }] },
  {
    name: 'several at once',
    datagram: joined(DEL_RULE, DEL_ROUTE),
    found: [
      { what: 'rule', priority: 5_270, pid: 77 },
      { what: 'route', table: 52, pid: 78 },
    ],
  },
  {
    name: 'a rule of the firewall, with who did it',
    datagram: joined(nft(8), GENERATION),
    found: [{ what: 'firewall', pid: 300 }],
  },
  { name: 'a new chain', datagram: joined(nft(3), GENERATION), found: [{ what: 'firewall', pid: 300 }] },
  { name: 'a member of a set', datagram: joined(nft(14), GENERATION), found: [] },
  { name: 'a route that came', datagram: message(24, 1, [2, 24, 0, 0, 52, 82, 0, 1, 0, 0, 0, 0]), found: [] },
  { name: 'a message cut short', datagram: DEL_RULE.subarray(0, 20), found: [] },
])('$name', ({ datagram, found }) => expect(deletionReader()(datagram)).toEqual(found));

test('a transaction may come in several datagrams', () => {
  const read = deletionReader();
  expect(read(nft(2))).toEqual([]);
  expect(read(GENERATION)).toEqual([{ what: 'firewall', pid: 300 }]);
  expect(read(GENERATION)).toEqual([]);
});

test('nothing that comes makes it throw', () => {
  const whole = joined(DEL_RULE, DEL_ROUTE, DEL_ADDRESS, nft(8), GENERATION);
  fc.assert(
    fc.property(fc.nat(whole.length), fc.nat(whole.length), fc.nat(255), (length, at, byte) => {
      const bytes = whole.slice(0, length);
      if (at < bytes.length) bytes[at] = byte;
      expect(deletionReader()(bytes).length).toBeLessThan(8);
    }),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 128 }), (bytes) => void deletionReader()(bytes)));
});
