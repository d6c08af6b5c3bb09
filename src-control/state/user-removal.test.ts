/** Taking users out while their machines live on: all of it or nothing, and nothing older than what is. */
import { expect, test } from 'vitest';
import { parseNodeKey } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import type { NodeRecord } from '../store/records.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { nodeChange, What } from './changes.ts';
import { Network } from './network.ts';
import { deleteUser } from './user-removal.ts';

const BY = { origin: 'cli', id: '', name: 'cli' } as const;
const BOB = { ...sampleUser, id: 2, name: 'bob' };

async function setup(nodes: readonly NodeRecord[]) {
  const store = await openMemoryStore(0);
  const open = () => Network.open({ store, clock: new FakeClock(), log: silent, defer: setImmediate });
  const network = await open();
  await network.save({
    writes: [
      { put: 'user', value: sampleUser },
      { put: 'user', value: BOB },
      ...nodes.map((value) => ({ put: 'node', value }) as const),
    ],
  });
  return { network, onDisk: async () => (await store.load()).tables };
}

test('a machine that gets another key while it is given to somebody else keeps that key', async () => {
  const { network, onDisk } = await setup([sampleNode(1), sampleNode(2), sampleNode(3)]);
  const nodeKey = parseNodeKey(`nodekey:${'7'.repeat(64)}`);
  const gone = deleteUser(network, sampleUser, { kind: 'move', to: BOB }, 0, BY);
  const record = network.node(3)?.record ?? sampleNode(3);
  const value = { ...record, nodeKey };
  await network.save({ writes: [{ put: 'node', value }], changes: [nodeChange(3, What.Key)] });
  await gone;
  await network.settled();
  expect(network.nodeByKey(nodeKey)?.record).toMatchObject({ id: 3, userId: BOB.id });
  const { node, user } = await onDisk();
  expect(node.map(({ id, userId }) => [id, userId])).toEqual([1, 2, 3].map((id) => [id, BOB.id]));
  expect(node[2]?.nodeKey).toBe(nodeKey);
  expect(user.map(({ id }) => id)).toEqual([BOB.id]);
});

test('when one machine can’t be given away, none is and the user stays', async () => {
  const twin = sampleNode(2, { userId: BOB.id, machineKey: sampleNode(3).machineKey });
  const { network, onDisk } = await setup([sampleNode(1), twin, sampleNode(3)]);
  await expect(deleteUser(network, sampleUser, { kind: 'move', to: BOB }, 0, BY)).rejects.toThrow(
    /the same machine is already node 2/,
  );
  expect((await onDisk()).node.map(({ userId }) => userId)).toEqual([1, 2, 1]);
  expect(network.user(sampleUser.id)).toBeDefined();
});

test('a machine that joins while the others are deleted does not make the disk look broken', async () => {
  const { network, onDisk } = await setup([sampleNode(1), sampleNode(2)]);
  const stop = network.subscribe(() => {
    if (network.node(3) === undefined && network.user(sampleUser.id) !== undefined)
      void network.save({ writes: [{ put: 'node', value: sampleNode(3) }] });
  });
  await deleteUser(network, sampleUser, { kind: 'delete' }, 0, BY);
  stop();
  expect(network.storage.kind).toBe('writable');
  expect((await onDisk()).node).toEqual([]);
});
