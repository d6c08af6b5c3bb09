/** Pings: the bytes of an echo request, which packets are its answer, and one to the loopback. */
import { expect, test } from 'vitest';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { toHex } from '#shared/bytes/hex.ts';
import { systemClock } from '#shared/node/clock.ts';
import { echoRequest, icmpEcho, isAnswer } from './icmp.ts';

const data = utf8('abcdefgh1a');

test('an echo request has its fields in order and a right checksum', () => {
  const packet = echoRequest(data);
  expect(toHex(packet)).toBe(`0800${toHex(packet.subarray(2, 4))}61620000${toHex(data)}`);
  let sum = 0;
  for (let at = 0; at < packet.length; at += 2) sum += ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0);
  // Over a packet with its checksum the sum is all ones (RFC 1071 §1).
  expect((sum & 0xffff) + (sum >> 16)).toBe(0xffff);
});

const reply = concat(Uint8Array.of(0, 0, 1, 2, 3, 4, 0, 0), data);
const ipHeader = new Uint8Array(24).fill(0x46, 0, 1);

test.each([
  ['the answer', reply, false, true],
  ['the answer behind an IP header with options', concat(ipHeader, reply), true, true],
  ['our own request, which the loopback shows too', echoRequest(data), false, false],
  ['an answer to somebody else', concat(reply.subarray(0, 8), utf8('abcdefgX1a')), false, false],
  ['an answer that is cut short', reply.subarray(0, 17), false, false],
  ['nothing', new Uint8Array(0), true, false],
  ['a header alone', Uint8Array.of(0x4f), true, false],
])('%s', (_name, packet, isRaw, want) => {
  expect(isAnswer(packet, isRaw, data)).toBe(want);
});

const clock = systemClock();

test.runIf(process.platform === 'linux')('the loopback answers, where we may ask', async () => {
  const latencyMs = await icmpEcho({ clock })('127.0.0.1', '1a', AbortSignal.timeout(5_000));
  // Undefined where neither kind of socket is allowed.
  if (process.getuid?.() === 0) expect(latencyMs).toBeDefined();
  if (latencyMs !== undefined) expect(latencyMs).toBeGreaterThan(0);
});

test.runIf(process.platform === 'linux')(
  'an abort ends it, and what is no IPv4 address is refused',
  async () => {
    const echo = icmpEcho({ clock });
    await expect(echo('127.0.0.1', '1a', AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    if (process.getuid?.() === 0)
      await expect(echo('::1', '1a', AbortSignal.timeout(5_000))).rejects.toMatchObject({
        code: 'bad-argument',
      });
  },
);
