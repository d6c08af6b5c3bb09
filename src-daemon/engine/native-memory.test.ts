/** What a native engine that takes another's place is told. */
import { expect, test } from 'vitest';
import { NativeMemory } from './native-memory.ts';

test('the last switches are told again, before any peer', () => {
  const memory = new NativeMemory();
  memory.note({ op: 'peer-add', peer: 1, publicKey: new Uint8Array(32) });
  memory.note({ op: 'flags-set', flags: { noUdpGso: true } });
  memory.note({ op: 'flags-set', flags: { noUdpGro: true } });
  const ops = memory.ops();
  expect(ops.map(({ op }) => op)).toEqual(['flags-set', 'peer-add', 'routes-set']);
  expect(ops[0]).toEqual({ op: 'flags-set', flags: { noUdpGro: true } });
});

test('a route is whose it was given last, however it is written and however often it changed', () => {
  const memory = new NativeMemory();
  for (const peer of [1, 2]) memory.note({ op: 'peer-add', peer, publicKey: new Uint8Array(32) });
  const routes = [
    { prefix: '10.1.0.0/16', peer: 1 },
    { prefix: '10.2.0.0/16', peer: 1 },
    { prefix: 'fd7a::/64', peer: 1 },
  ];
  const told = (): unknown => memory.ops().find(({ op }) => op === 'routes-set');
  memory.note({ op: 'routes-set', routes });
  expect(told()).toEqual({ op: 'routes-set', routes });
  memory.note({ op: 'routes-change', remove: ['10.1.9.9/16'], add: [{ prefix: 'fd7a::9/64', peer: 2 }] });
  for (let i = 0; i < 3_000; i++)
    memory.note({ op: 'routes-change', remove: [], add: [{ prefix: `192.0.2.${i % 2}/32`, peer: 2 }] });
  memory.note({ op: 'peer-del', peer: 1 });
  memory.note({ op: 'routes-change', remove: ['192.0.2.1/32'], add: [] });
  expect(told()).toEqual({
    op: 'routes-set',
    routes: [
      { prefix: 'fd7a::9/64', peer: 2 },
      { prefix: '192.0.2.0/32', peer: 2 },
    ],
  });
});

test('peers with keys are those whose newest are still good, and were not erased', () => {
  const memory = new NativeMemory();
  const install = (peer: number, createdMs: number): void => {
    const key = new Uint8Array(32);
    const keypair = { peer, role: 'initiator', localIndex: peer, remoteIndex: 1, createdMs } as const;
    memory.note({ op: 'install-keypair', keypair: { ...keypair, sendKey: key, receiveKey: key } });
  };
  for (const peer of [1, 2, 3, 4, 4]) install(peer, peer * 1_000);
  expect(memory.peersWithKeys(181_000)).toEqual([2, 3, 4]);
  memory.note({ op: 'erase-keys', peer: 2 });
  memory.note({ op: 'peer-del', peer: 3 });
  expect(memory.peersWithKeys(181_000)).toEqual([4]);
  memory.note({ op: 'erase-keys', peer: 'all' });
  expect(memory.peersWithKeys(181_000)).toEqual([]);
});
