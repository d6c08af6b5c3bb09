/** Who has to make room when many machines wait for approval. */
import { describe, expect, test } from 'vitest';
import { machineKeyFrom, parseNodeKey } from '#shared/key/key.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import { PENDING_MS, PendingMachines } from './pending.ts';

const machineKey = machineKeyFrom(new Uint8Array(32).fill(1));

function waitingRoom() {
  let ids = 0;
  const clock = new FakeClock();
  const pending = new PendingMachines(clock, () => `id-${ids++}`);
  let keys = 0;
  const open = (remoteAddress: string) =>
    pending.open({
      machineKey,
      nodeKey: parseNodeKey(`nodekey:${(++keys).toString(16).padStart(64, '0')}`),
      hostinfo: hostinfo.parse({}),
      capver: 130,
      requestedExpiry: undefined,
      remoteAddress,
    });
  const woken: string[] = [];
  const wait = (id: string): void => {
    pending.wait(id, new AbortController().signal).then(
      () => woken.push(id),
      () => undefined,
    );
  };
  return { clock, pending, open, wait, woken };
}

describe('behind one address', () => {
  test('a machine whose request waits keeps its place: who is pushed out would come back and push out the next', async () => {
    const { clock, pending, open, wait, woken } = waitingRoom();
    const first = Array.from({ length: 16 }, () => open('192.0.2.1').id);
    for (const id of first) wait(id);
    expect(() => open('192.0.2.1')).toThrow(/too many machines .* wait for approval/);
    await clock.advance(1);
    expect(woken).toEqual([]);
    expect(pending.list()).toHaveLength(16);
    open('192.0.2.2');
    await clock.advance(PENDING_MS);
    open('192.0.2.1');
  });

  test('one that nobody waits for makes room, the oldest first', () => {
    const { pending, open, wait } = waitingRoom();
    const ids = Array.from({ length: 16 }, () => open('192.0.2.1').id);
    wait(ids[0] ?? '');
    open('192.0.2.1');
    expect(pending.get(ids[0] ?? '')).toBeDefined();
    expect(pending.get(ids[1] ?? '')).toBeUndefined();
    expect(pending.get(ids[2] ?? '')).toBeDefined();
  });

  test.each([
    { name: 'the addresses of one IPv6 network count as one', at: (n: number) => `2001:db8:0:1::${n}` },
    {
      name: 'an IPv4 address counts in either form',
      at: (n: number) => `${n % 2 ? '::ffff:' : ''}192.0.2.1`,
    },
  ])('$name', ({ at }) => {
    const { pending, open } = waitingRoom();
    open('2001:db8:0:2::1');
    for (let n = 1; n < 200; n++) open(at(n));
    expect(pending.list()).toHaveLength(17);
  });
});

test('when the room is full, the address with the most machines makes room, waiting or not', async () => {
  const { clock, pending, open, wait, woken } = waitingRoom();
  const quiet = open('198.51.100.1').id;
  wait(quiet);
  for (let n = 0; n < 1_023; n++) wait(open(`203.0.113.${n % 100}`).id);
  for (let n = 0; n < 17; n++) wait(open(`198.51.100.${n + 2}`).id);
  await clock.advance(1);
  expect(pending.list()).toHaveLength(1_024);
  expect(pending.get(quiet)).toBeDefined();
  expect(woken).toHaveLength(17);
});
