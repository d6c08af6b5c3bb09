/** The gate bounds what one address holds open, and how fast anybody comes. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { AcceptGate, DEFAULT_GATE, networkOf } from './accept-gate.ts';

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
  ['127.0.0.9', 'loopback'],
  ['::1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  [undefined, ''],
  ['nonsense', ''],
])('%s counts as %s', (address, network) => expect(networkOf(address)).toBe(network));

test('one address may have so many waiting; another is not concerned', () => {
  const gate = new AcceptGate(new FakeClock(), { ...DEFAULT_GATE, waitingPerAddress: 2 });
  const first = gate.enter('192.0.2.1');
  expect(gate.enter('192.0.2.1')).toBeDefined();
  expect(gate.enter('192.0.2.1')).toBeUndefined();
  expect(gate.enter('192.0.2.2')).toBeDefined();
  first?.upgraded();
  expect(gate.enter('192.0.2.1')).toBeDefined();
  expect([gate.accepted, gate.rejected]).toEqual([4, 1]);
});

test('what was upgraded still counts as open, until it is closed', () => {
  const gate = new AcceptGate(new FakeClock(), { ...DEFAULT_GATE, openPerAddress: 1 });
  const only = gate.enter('2001:db8::1');
  only?.upgraded();
  expect(gate.enter('2001:db8::2')).toBeUndefined();
  only?.closed();
  only?.closed();
  expect(gate.enter('2001:db8::2')).toBeDefined();
});

test('programs on this machine are not bounded by their address', () => {
  const gate = new AcceptGate(new FakeClock(), { ...DEFAULT_GATE, openPerAddress: 1, waitingPerAddress: 1 });
  for (let i = 0; i < 10; i++) expect(gate.enter('127.0.0.1')).toBeDefined();
});

test('the rate lets a burst in, then so many a second', async () => {
  const clock = new FakeClock();
  const gate = new AcceptGate(clock, { ...DEFAULT_GATE, perSecond: 2, burst: 3 });
  const tries = (): number =>
    Array.from({ length: 10 }, () => gate.enter('192.0.2.1')).filter(Boolean).length;
  expect(tries()).toBe(3);
  await clock.advance(1_000);
  expect(tries()).toBe(2);
  await clock.advance(60_000);
  expect(tries()).toBe(3);
});
