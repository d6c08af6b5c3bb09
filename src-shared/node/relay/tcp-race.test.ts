/** Which addresses of a relay node are dialled, when, and who wins. */
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { FakeClock, settle } from '../../testing/fake-clock.ts';
import type { DerpNode } from '../../wire/map.ts';
import { type Connect, portOf, raceTcp, targetsOf } from './tcp-race.ts';

const node = (change: Partial<DerpNode> = {}): DerpNode =>
  ({ Name: '1a', RegionID: 1, HostName: 'relay.example', ...change }) as DerpNode;
const never = new AbortController().signal;

test.each([
  ['both by name', {}, ['4 relay.example', '6 relay.example']],
  ['addresses as given', { IPv4: '192.0.2.1', IPv6: '2001:db8::1' }, ['4 192.0.2.1', '6 2001:db8::1']],
  ['one turned off', { IPv4: '192.0.2.1', IPv6: 'none' }, ['4 192.0.2.1']],
  ['both turned off', { IPv4: 'none', IPv6: 'x' }, []],
  ['an address as name', { HostName: '192.0.2.1' }, ['4 192.0.2.1']],
  ['an IPv6 address as name', { HostName: '2001:db8::1' }, ['6 2001:db8::1']],
  ['addresses of the wrong family', { IPv4: '2001:db8::1', IPv6: '192.0.2.1' }, []],
])('%s', (_, change, wanted) => {
  expect(targetsOf(node(change)).map(({ family, host }) => `${family} ${host}`)).toEqual(wanted);
});

test('the port is 443 unless the node says otherwise', () => {
  expect([portOf(node()), portOf(node({ DERPPort: 0 })), portOf(node({ DERPPort: 8_443 }))]).toEqual([
    443, 443, 8_443,
  ]);
});

/** Dials that the test answers: sockets that never connect to anything. */
function rig(prefersIpv6 = false) {
  const clock = new FakeClock();
  const dialled: string[] = [];
  const answers = new Map<number, PromiseWithResolvers<Socket>>();
  const connect: Connect = ({ host, family, port }, signal) => {
    dialled.push(`${family} ${host}:${port}`);
    const answer = Promise.withResolvers<Socket>();
    answers.set(family, answer);
    signal.addEventListener('abort', () => answer.reject(signal.reason), { once: true });
    return answer.promise;
  };
  const race = (signal = never): Promise<Socket> =>
    raceTcp({ node: node(), prefersIpv6, clock, connect }, signal);
  const refuse = (family: number): void =>
    answers.get(family)?.reject(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }));
  return {
    clock,
    dialled,
    race,
    refuse,
    accept: (family: number, s: Socket) => answers.get(family)?.resolve(s),
  };
}

test('both families start together, and the loser is closed', async () => {
  const { dialled, race, accept, clock } = rig();
  const [fast, slow] = [new Socket(), new Socket()];
  const won = race();
  expect(dialled).toEqual(['4 relay.example:443', '6 relay.example:443']);
  accept(6, fast);
  accept(4, slow);
  expect(await won).toBe(fast);
  await settle();
  expect([fast.destroyed, slow.destroyed, clock.pending]).toEqual([false, true, 0]);
});

test('where IPv6 works IPv4 waits a little', async () => {
  const { dialled, race, accept, clock } = rig(true);
  const won = race();
  await clock.advance(199);
  expect(dialled).toEqual(['6 relay.example:443']);
  await clock.advance(1);
  expect(dialled).toHaveLength(2);
  const socket = new Socket();
  accept(4, socket);
  expect(await won).toBe(socket);
});

test('IPv4 does not wait for an IPv6 that has failed', async () => {
  const { dialled, race, refuse, accept } = rig(true);
  const won = race();
  refuse(6);
  await settle();
  expect(dialled).toHaveLength(2);
  const socket = new Socket();
  accept(4, socket);
  expect(await won).toBe(socket);
});

test('the first failure is told when both fail', async () => {
  const { race, refuse, clock } = rig();
  const lost = race();
  refuse(4);
  refuse(6);
  await expect(lost).rejects.toThrow('connection refused');
  expect(clock.pending).toBe(0);
});

test('a node has a second and a half, and a caller may stop it earlier', async () => {
  const { race, clock } = rig();
  const lost = expect(race()).rejects.toThrow('timed out');
  await clock.advance(1_500);
  await lost;
  const stop = new AbortController();
  const stopped = expect(rig().race(stop.signal)).rejects.toThrow('enough');
  stop.abort(new Error('enough'));
  await stopped;
});

test('a node without any address is no node', async () => {
  const { clock } = rig();
  const connect: Connect = () => Promise.reject(new Error('not reached'));
  const race = raceTcp(
    { node: node({ IPv4: 'none', IPv6: 'none' }), prefersIpv6: false, clock, connect },
    never,
  );
  await expect(race).rejects.toThrow('both IPv4 and IPv6 off');
});
