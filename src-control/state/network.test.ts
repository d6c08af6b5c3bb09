/** The network in memory and its store: ids, indexes, changes, and what happens when the disk refuses. */
import { describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { type Change, nodeChange, What } from './changes.ts';
import { watchEphemeral } from './ephemeral.ts';
import { watchExpiry } from './expiry.ts';
import { Network } from './network.ts';
import { logOut, renameNode, setExpiry } from './nodes.ts';
import { createUser } from './users.ts';

interface Setup {
  readonly network: Network;
  readonly clock: FakeClock;
  readonly heard: Change[];
  readonly disk: { isFull: boolean; commits: number };
}

async function setup(): Promise<Setup> {
  const clock = new FakeClock();
  const inner = await openMemoryStore(0);
  const disk = { isFull: false, commits: 0 };
  const store: Store = {
    ...inner,
    commit: async (writes) => {
      if (disk.isFull) throw new Error('database or disk is full');
      disk.commits += 1;
      await inner.commit(writes);
    },
  };
  const network = await Network.open({ store, clock, log: silent, defer: setImmediate });
  await network.save({ writes: [{ put: 'user', value: sampleUser }] });
  disk.commits = 0;
  const heard: Change[] = [];
  network.subscribe((changes) => heard.push(...changes));
  return { network, clock, heard, disk };
}

describe('saving', () => {
  test('what is saved in one moment is one transaction', async () => {
    const { network, disk } = await setup();
    await Promise.all(
      [1, 2, 3].map((id) => network.save({ writes: [{ put: 'node', value: sampleNode(id) }] })),
    );
    expect(disk.commits).toBe(1);
    expect(network.nodeCount).toBe(3);
  });

  test('others hear of a change when it is on disk, and of a lazy one at once', async () => {
    const { network, clock, heard, disk } = await setup();
    const value = sampleNode(1);
    const saved = network.save({ writes: [{ put: 'node', value }], changes: [nodeChange(1, What.Whole)] });
    expect(heard).toEqual([]);
    await saved;
    expect(heard).toHaveLength(1);
    const lazy = network.save({
      writes: [{ put: 'node', value: { ...value, homeDerp: 1 } }],
      changes: [nodeChange(1, What.Derp)],
      pace: 'lazy',
    });
    expect(heard).toHaveLength(2);
    expect(disk.commits).toBe(1);
    await clock.advance(1_000);
    await lazy;
    expect(disk.commits).toBe(2);
  });

  test('when the disk refuses, the saver is told, memory goes back, streams look again, and the next save works', async () => {
    const { network, heard, disk } = await setup();
    await network.save({ writes: [{ put: 'node', value: sampleNode(1) }] });
    disk.isFull = true;
    await expect(renameNode(network, sampleNode(1), 'other')).rejects.toThrow(
      /can't write the state to disk/,
    );
    expect(network.nodeByName('other')).toBeUndefined();
    expect(network.nodeByName('host-1')?.record.id).toBe(1);
    expect(heard.at(-1)).toEqual({ kind: 'node', id: 1, what: 1_023 });
    expect(network.storage).toMatchObject({ kind: 'failing', why: 'database or disk is full' });
    disk.isFull = false;
    await renameNode(network, sampleNode(1), 'other');
    expect(network.nodeByName('other')?.record.id).toBe(1);
  });

  test('ids are never used again, also after a removal', async () => {
    const { network } = await setup();
    const first = network.nextId('node');
    await network.save({ writes: [first.write, { put: 'node', value: sampleNode(first.id) }] });
    await network.save({ writes: [{ remove: 'node', id: first.id }] });
    expect(network.nextId('node').id).toBe(first.id + 1);
  });

  test('a machine is found by key, name and owner, and no longer by what it had before', async () => {
    const { network } = await setup();
    const was = sampleNode(1);
    const is = { ...was, nodeKey: sampleNode(9).nodeKey, givenName: 'new' };
    await network.save({ writes: [{ put: 'node', value: was }] });
    await network.save({ writes: [{ put: 'node', value: is }] });
    expect(network.nodeByKey(was.nodeKey)).toBeUndefined();
    expect(network.nodeByKey(is.nodeKey)?.record).toEqual(is);
    expect(network.nodeByName('host-1')).toBeUndefined();
    expect(network.nodeOfMachine(was.machineKey, 1)?.record.id).toBe(1);
    expect(network.nodeOfMachine(was.machineKey, 2)).toBeUndefined();
  });

  test('addresses of what is there are not given again; freed ones are', async () => {
    const { network } = await setup();
    await network.save({
      writes: [
        { put: 'node', value: sampleNode(1) },
        { put: 'node', value: sampleNode(2) },
      ],
    });
    expect(network.addresses.take('ipv4', 0)).toBe('100.64.0.3');
    expect(network.addresses.take('ipv6', 0)).toBe('fd7a:115c:a1e0::3');
  });

  test('two users can’t have one name', async () => {
    const { network } = await setup();
    await expect(
      createUser(network, 'alice', '', 0, { origin: 'system', id: '', name: 'test' }),
    ).rejects.toThrow(/exists already/);
  });
});

describe('expiry', () => {
  test('is announced at its moment, once, and not for a key that was renewed', async () => {
    const { network, clock, heard } = await setup();
    const [soon, later] = [clock.now() + 60_000, clock.now() + 90_000];
    const stays = sampleNode(2, { expiry: later });
    await network.save({
      writes: [
        { put: 'node', value: sampleNode(1, { expiry: soon }) },
        { put: 'node', value: stays },
      ],
    });
    const stop = watchExpiry(network, clock, silent);
    await setExpiry(network, stays, clock.now() + 10_000_000);
    heard.length = 0;
    await clock.advance(59_000);
    expect(heard).toEqual([]);
    await clock.advance(2_000);
    expect(heard).toEqual([nodeChange(1, What.Whole)]);
    await clock.advance(600_000);
    expect(heard).toHaveLength(1);
    stop();
    expect(clock.pending).toBe(0);
  });

  test('half a year ahead is no trouble for timers', async () => {
    const { network, clock, heard } = await setup();
    await network.save({
      writes: [{ put: 'node', value: sampleNode(1, { expiry: clock.now() + 180 * 86_400_000 }) }],
    });
    const stop = watchExpiry(network, clock, silent);
    await clock.advance(3 * 86_400_000);
    expect(heard).toEqual([]);
    stop();
  });
});

describe('ephemeral machines', () => {
  test('go when they were away for the whole time, also those away when the server starts', async () => {
    const { network, clock } = await setup();
    await network.save({
      writes: [1, 2, 3].map((id) => ({ put: 'node', value: sampleNode(id, { ephemeral: id < 3 }) })),
    });
    const watch = watchEphemeral(network, clock, silent, 120_000);
    network.setLive(2, { isOnline: true });
    await clock.advance(121_000);
    expect([...network.nodes()].map(({ record }) => record.id)).toEqual([2, 3]);
    network.setLive(2, { isOnline: false });
    await clock.advance(60_000);
    network.setLive(2, { isOnline: true });
    await clock.advance(120_000);
    expect(network.node(2)).toBeDefined();
    network.setLive(2, { isOnline: false });
    await clock.advance(121_000);
    expect(network.node(2)).toBeUndefined();
    watch[Symbol.dispose]();
  });

  test('go at once on logout', async () => {
    const { network, clock } = await setup();
    const value = sampleNode(1, { ephemeral: true });
    await network.save({ writes: [{ put: 'node', value }] });
    await logOut(network, value, clock.now());
    expect(network.nodeCount).toBe(0);
  });
});
