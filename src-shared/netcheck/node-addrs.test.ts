/** Addresses of relay nodes: how long a look-up is good for, and what happens when it is not. */
import { expect, test } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { NodeAddrs } from './node-addrs.ts';
import { measurable, type RelayNode } from './relay-map.ts';
import { mapOf } from './testing/fake-servers.ts';

function nodeWith(change: Readonly<Record<string, unknown>>): RelayNode {
  const [node] = measurable(mapOf({ 1: 1 }, { node: change }))[0]?.Nodes ?? [];
  if (node === undefined) throw new TypeError('no node');
  return node;
}
const byName = nodeWith({ IPv4: '', IPv6: '' });

function world(answers: readonly (readonly string[] | Error)[]) {
  const clock = new FakeClock();
  let asked = 0;
  const addrs = new NodeAddrs(clock, async () => {
    const answer = answers[Math.min(asked++, answers.length - 1)] ?? [];
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return { clock, addrs, asked: () => asked };
}

test.each([
  ['its own', {}, 4, '198.51.1.1:3478'],
  ['another port', { STUNPort: 3_479 }, 4, '198.51.1.1:3479'],
  ['no STUN', { STUNPort: -1 }, 4, undefined],
  ['a port that is none', { STUNPort: 70_000 }, 4, undefined],
  ['the family turned off', { IPv6: 'none' }, 6, undefined],
  ['an address of the other family', { IPv4: '2001:db8::1' }, 4, undefined],
  ['an address of a laboratory', { STUNTestIP: '127.0.0.1' }, 4, '127.0.0.1:3478'],
  ['an address of a laboratory, other family', { STUNTestIP: '127.0.0.1' }, 6, undefined],
  ['no name either', { IPv4: '', HostName: '' }, 4, undefined],
] as const)('known at once: %s', (_name, change, family, want) => {
  const addr = world([]).addrs.stun(nodeWith(change), family);
  expect(addr instanceof Promise ? 'looked up' : addr && `${addr.ip}:${addr.port}`).toBe(want);
});

test('a look-up is good for ten minutes and both families', async () => {
  const { addrs, clock, asked } = world([['192.0.2.1', '2001:db8::1']]);
  expect(await addrs.stun(byName, 4)).toEqual({ ip: '192.0.2.1', port: 3_478 });
  expect(addrs.stun(byName, 6)).toEqual({ ip: '2001:db8::1', port: 3_478 });
  await clock.advance(599_000);
  expect(addrs.ip(byName, 4)).toBe('192.0.2.1');
  await clock.advance(2_000);
  await addrs.ip(byName, 4);
  expect(asked()).toBe(2);
});

test('those who ask at the same time share a look-up', async () => {
  const { addrs, asked } = world([['192.0.2.1']]);
  expect(await Promise.all([addrs.ip(byName, 4), addrs.ip(byName, 4), addrs.ip(byName, 6)])).toEqual([
    '192.0.2.1',
    '192.0.2.1',
    undefined,
  ]);
  expect(asked()).toBe(1);
});

test('while look-ups fail the last answer is used, and another try is made soon', async () => {
  const { addrs, clock, asked } = world([['192.0.2.1'], new Error('no such host'), ['192.0.2.2']]);
  await addrs.ip(byName, 4);
  addrs.forget();
  expect(await addrs.ip(byName, 4)).toBe('192.0.2.1');
  expect(addrs.ip(byName, 4)).toBe('192.0.2.1');
  expect(asked()).toBe(2);
  await clock.advance(20_000);
  expect(await addrs.ip(byName, 4)).toBe('192.0.2.2');
});

test('a look-up without an end is given up after five seconds', async () => {
  const clock = new FakeClock();
  const addrs = new NodeAddrs(clock, () => new Promise(() => undefined));
  const ip = addrs.ip(byName, 4);
  await clock.advance(5_000);
  expect(await ip).toBeUndefined();
  expect(clock.pending).toBe(0);
});

test('what is no address is left out', async () => {
  const { addrs } = world([['evil', '999.1.1.1', '192.0.2.9']]);
  expect(await addrs.ip(byName, 4)).toBe('192.0.2.9');
});

test('without a resolver there are no names', async () => {
  expect(await new NodeAddrs(new FakeClock(), undefined).ip(byName, 4)).toBeUndefined();
});
