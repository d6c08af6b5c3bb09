/** Which datagrams the STUN server answers, byte by byte (nat-traversal.md §10.1), and how little a stranger gets. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex } from '#shared/bytes/hex.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { answerStun } from './stun-answer.ts';
import { StunBudget } from './stun-budget.ts';

const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();
const REQUEST = bytes('000100142112a4420102030405060708090a0b0c802200087461696c6e6f646580280004b32c370f');
const PLAIN = bytes('000100002112a4420102030405060708090a0b0c');
const V4 = { ip: '192.0.2.1', port: 41_641 };
const ANSWER_V4 = '0101000c2112a4420102030405060708090a0b0c00200008000183bbe112a643';
const ANSWER_V6 = '010100182112a4420102030405060708090a0b0c00200014000283bb0113a9fa0102030405060708090a0b0d';

test.each([
  ['IPv4', V4, ANSWER_V4, 'ipv4'],
  ['IPv4 written as IPv6', { ...V4, ip: '::ffff:192.0.2.1' }, ANSWER_V4, 'ipv4'],
  ['IPv6', { ip: '2001:db8::1', port: 41_641 }, ANSWER_V6, 'ipv6'],
] as const)('a request of our kind over %s', (_, from, answer, family) => {
  const verdict = answerStun(REQUEST, from, undefined);
  expect(verdict).toMatchObject({ disposition: 'success', family });
  expect(toHex(verdict.answer ?? new Uint8Array())).toBe(answer);
});

const broken = (at: number): Uint8Array => REQUEST.map((byte, index) => (index === at ? byte ^ 1 : byte));

test.each([
  ['a wrong fingerprint', broken(39)],
  ['another software, sealed for this one', broken(25)],
  ['a response', broken(0)],
  ['cut short', REQUEST.subarray(0, 39)],
  ['nothing', new Uint8Array()],
  ['19 bytes', PLAIN.subarray(0, 19)],
  ['an attribute that must be understood', bytes('000100082112a4420102030405060708090a0b0c0003000400000006')],
  ['an attribute that runs over the end', bytes('000100042112a4420102030405060708090a0b0c80220009')],
])('%s gets no answer, also where plain clients do', (_, datagram) => {
  const budget = new StunBudget(new FakeClock());
  expect(answerStun(datagram, V4, budget)).toMatchObject({ disposition: 'not_stun', answer: undefined });
});

test('a datagram from port 0, to which nothing can be sent, gets no answer', () => {
  const nowhere = { ...V4, port: 0 };
  const budget = new StunBudget(new FakeClock());
  for (const datagram of [REQUEST, PLAIN])
    expect(answerStun(datagram, nowhere, budget)).toMatchObject({
      disposition: 'not_stun',
      answer: undefined,
    });
});

test('a plain client is answered where that is wanted', () => {
  expect(answerStun(PLAIN, V4, undefined).answer).toBeUndefined();
  const verdict = answerStun(PLAIN, V4, new StunBudget(new FakeClock()));
  expect(verdict.disposition).toBe('success_generic');
  expect(toHex(verdict.answer ?? new Uint8Array())).toBe(ANSWER_V4);
});

test('an address that floods gets no more bytes than it sent, but for the first hundred', () => {
  const clock = new FakeClock();
  const budget = new StunBudget(clock);
  let sent = 0;
  let got = 0;
  for (let i = 0; i < 10_000; i++) {
    sent += PLAIN.length;
    got += answerStun(PLAIN, V4, budget).answer?.length ?? 0;
  }
  expect(got - sent).toBeLessThanOrEqual(96);
  expect(got).toBeGreaterThan(sent / 2);
});

test('forged addresses get nothing for nothing together either', () => {
  const budget = new StunBudget(new FakeClock());
  let excess = 0;
  for (let i = 0; i < 60_000; i++) {
    const from = { ip: `198.18.${i >> 8}.${i & 255}`, port: 1 };
    excess += (answerStun(PLAIN, from, budget).answer?.length ?? PLAIN.length) - PLAIN.length;
  }
  expect(excess).toBeLessThanOrEqual(12_000);
});

test('a client that asks now and then is always answered', async () => {
  const clock = new FakeClock();
  const budget = new StunBudget(clock);
  for (let i = 0; i < 100; i++) {
    expect(answerStun(PLAIN, V4, budget).answer).toBeDefined();
    await clock.advance(3_000);
  }
});

test('no datagram throws, and none of a stranger gets more than the smallest answer', () => {
  const magic = fc
    .uint8Array({ maxLength: 60 })
    .map((rest) => Uint8Array.of(0, 1, 0, rest.length & 0xfc, 0x21, 0x12, 0xa4, 0x42, ...rest));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), magic), (datagram) => {
      const verdict = answerStun(datagram, V4, new StunBudget(new FakeClock()));
      expect(verdict.answer?.length ?? 32).toBe(32);
    }),
  );
});
