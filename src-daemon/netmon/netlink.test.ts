/** Which netlink messages are news, hostile lengths included; and that a real socket opens and closes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isNews, watchNetlink } from './netlink.ts';

const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function message(type: number, body: readonly number[], length = 16 + body.length): Uint8Array {
  const out = new Uint8Array((16 + body.length + 3) & ~3);
  const view = new DataView(out.buffer);
  view.setUint32(0, length, LITTLE);
  view.setUint16(4, type, LITTLE);
  out.set(body, 16);
  return out;
}
const route = (bits: number, type = 1): number[] => [2, bits, 0, 0, 254, 82, 0, type, 0, 0, 0, 0];
const join = (...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

test.each([
  ['a link', message(16, new Array(16).fill(0)), true],
  ['a link gone', message(17, new Array(16).fill(0)), true],
  ['an address', message(20, new Array(8).fill(0)), true],
  ['an address gone', message(21, new Array(8).fill(0)), true],
  ['a default route', message(24, route(0)), true],
  ['a default route gone', message(25, route(0)), true],
  ['a route to one machine', message(24, route(32)), false],
  ['a default route that rejects', message(24, route(0, 7)), false],
  ['a neighbour', message(28, new Array(12).fill(0)), false],
  ['the second of two messages', join(message(24, route(32)), message(20, new Array(8).fill(0))), true],
  ['nothing', new Uint8Array(), false],
  ['a route cut short', message(24, [2, 0, 0]), false],
  ['a length below the header', message(20, [0, 0, 0, 0], 4), false],
  ['a length beyond the datagram', message(20, [0, 0, 0, 0], 4_000), false],
])('%s: %#', (_name, datagram, want) => expect(isNews(datagram)).toBe(want));

test('no bytes make it throw or hang', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => void isNews(noise)));
});

describe.runIf(process.platform === 'linux')('the socket', () => {
  test('opens without privilege and closes when told', async () => {
    const stop = new AbortController();
    const ended = watchNetlink(() => undefined, stop.signal);
    stop.abort();
    await expect(ended).resolves.toBeUndefined();
    await expect(watchNetlink(() => undefined, stop.signal)).resolves.toBeUndefined();
  });
});
