/** Clients that mean harm: to other clients, to what is kept for them, and to the servers behind us. */
import { expect, test } from 'vitest';
import { answering, decoded, never, queryFor, world } from '../testing/world.ts';
import { attemptsFor } from './attempts.ts';
import { put16 } from './wire.ts';

const upstream = '192.0.2.1';
const withTail = (query: Uint8Array, bytes: number): Uint8Array => {
  const out = new Uint8Array(query.length + bytes);
  out.set(query);
  return out;
};
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a router that names itself by a link-local address is asked on its link', () => {
  const up = ['fe80::1%eth0', 'FE80:0::2%wlan0.1', 'fe80::3%', 'fe80::4%a b', '2001:db8::1%eth0'];
  const attempts = attemptsFor(up.map((addr) => ({ addr, bootstrap: [] })));
  expect(attempts.map(({ server }) => server)).toEqual(
    ['fe80::1%eth0', 'fe80::2%wlan0.1'].map((ip) => ({ kind: 'plain', addr: { ip, port: 53 } })),
  );
});

test('a message that no frame of TCP can hold is refused, not cut into several', async () => {
  const { resolver, asked } = world();
  const found = await resolver.answerForPeer(withTail(queryFor('a.test', 'A'), 70_000), {
    refused: [],
    signal: never,
  });
  expect(decoded(found).rcode).toBe('FORMERR');
  expect(asked).toEqual([]);
});

test('a question with something behind it is not asked for others', async () => {
  const { resolver, asked, servers } = world();
  servers.set(upstream, () => []);
  const ask = (query: Uint8Array) => resolver.answer(query, { transport: 'udp', signal: never });
  ask(withTail(queryFor('a.test', 'A'), 100));
  ask(queryFor('a.test', 'A', { id: 1 }));
  await settle();
  expect(asked).toHaveLength(2);
});

test('one name is under way a few times at most, whatever sizes it is asked with: each is one more chance to guess', async () => {
  const { resolver, asked, servers } = world();
  servers.set(upstream, () => []);
  for (let udpSize = 512; udpSize < 768; udpSize++)
    resolver.answer(queryFor('a.test', 'A', { udpSize }), { transport: 'udp', signal: never });
  for (let udpSize = 4_000; udpSize < 4_200; udpSize++)
    resolver.answer(queryFor('a.test', 'A', { udpSize }), { transport: 'udp', signal: never });
  await settle();
  expect(asked.length).toBeLessThanOrEqual(4);
});

test('machines that ask through this one leave room for its own questions', async () => {
  const { resolver, servers } = world();
  servers.set(upstream, answering([{ type: 'A', name: 'own.test', ttl: 60, data: '192.0.2.9' }]));
  for (let i = 0; i < 400; i++)
    resolver
      .answerForPeer(queryFor(`x${i}.test`, 'A'), { refused: [], signal: never })
      .catch(() => undefined);
  await settle();
  const own = await resolver.answer(queryFor('own.test', 'A'), { transport: 'udp', signal: never });
  expect(decoded(own).rcode).toBe('NOERROR');
});

test('what must not leak is not asked for others either', async () => {
  const { resolver, asked } = world();
  const ask = (query: Uint8Array) => resolver.answerForPeer(query, { refused: [], signal: never });
  expect(decoded(await ask(queryFor('secret.onion', 'A'))).rcode).toBe('NXDOMAIN');
  const strange = queryFor('a.test', 'A');
  put16(strange, strange.length - 2, 3); // class CHAOS
  expect(decoded(await ask(strange)).rcode).not.toBe('NOERROR');
  expect(asked).toEqual([]);
});
