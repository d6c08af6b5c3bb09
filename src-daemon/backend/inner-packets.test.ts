/** Pings inside the tunnel against captured bytes, and against anything that a peer may send. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toHex } from '#shared/bytes/hex.ts';
import { decodeInner, encodeEchoRequest, encodeTsmpPing, encodeTsmpPong } from './inner-packets.ts';

/** Checksum over a whole header or message is zero when it is right (RFC 1071). */
function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

test('an IPv4 echo request has the form and both checksums of RFC 791 and 792', () => {
  const packet = encodeEchoRequest({ from: '100.64.0.1', to: '100.64.0.2', ident: 0x1234, sequence: 7 });
  // Computed independently with Python's struct.
  expect(toHex(packet)).toBe('4500001c000000004001b25e64400001644000020800e5c412340007');
  expect(sum(packet.subarray(0, 20))).toBe(0);
  expect(sum(packet.subarray(20))).toBe(0);
});

test('an IPv6 echo request covers the pseudo header (RFC 4443 §2.3)', () => {
  const packet = encodeEchoRequest({
    from: 'fd7a:115c:a1e0::1',
    to: 'fd7a:115c:a1e0::2',
    ident: 1,
    sequence: 2,
  });
  expect(packet.length).toBe(48);
  expect([packet[6], packet[40]]).toEqual([58, 128]);
  const pseudo = new Uint8Array([...packet.subarray(8, 40), 0, 0, 0, 8, 0, 0, 0, 58, ...packet.subarray(40)]);
  expect(sum(pseudo)).toBe(0);
});

test('replies are read back, in both families', () => {
  for (const [a, b] of [
    ['100.64.0.1', '100.64.0.2'],
    ['fd7a:115c:a1e0::1', 'fd7a:115c:a1e0::2'],
  ] as const) {
    const reply = encodeEchoRequest({ from: b, to: a, ident: 5, sequence: 6 });
    const at = a.includes(':') ? 40 : 20;
    expect(decodeInner(reply)).toBeUndefined(); // a request is not ours to answer
    reply[at] = a.includes(':') ? 129 : 0;
    expect(decodeInner(reply)).toEqual({ kind: 'echo-reply', from: b, ident: 5, sequence: 6 });
    const data = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    expect(decodeInner(encodeTsmpPing(b, a, data))).toEqual({ kind: 'tsmp-ping', from: b, to: a, data });
    expect(decodeInner(encodeTsmpPong(b, a, data, 5_252))).toEqual({
      kind: 'tsmp-pong',
      from: b,
      data,
      peerApiPort: 5_252,
    });
  }
});

test('a pong of an old client has no port', () => {
  const pong = encodeTsmpPong('100.64.0.2', '100.64.0.1', new Uint8Array(8), 99);
  expect(decodeInner(pong.subarray(0, -2))).toMatchObject({ kind: 'tsmp-pong', peerApiPort: 0 });
  expect(decodeInner(pong.subarray(0, -3))).toBeUndefined();
});

test('mixing families is a mistake of ours', () => {
  expect(() => encodeTsmpPing('100.64.0.1', 'fd7a:115c:a1e0::2', new Uint8Array(8))).toThrow('IP version');
  expect(() => encodeTsmpPing('nonsense', '100.64.0.1', new Uint8Array(8))).toThrow('not an IP address');
});

test('no bytes of a peer make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (packet) => {
      decodeInner(packet);
    }),
    { numRuns: 2_000 },
  );
});
