/** Map streams under a fake clock: first message, deltas, batching, keepalives, slow clients, presence, visibility. */
import { describe, expect, test } from 'vitest';
import { parseDiscoKey } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import type { MapResponse } from '#shared/wire/map.ts';
import { nodeChange, What } from '../state/changes.ts';
import { applyMapFacts, type MapFacts } from '../state/map-facts.ts';
import { Network } from '../state/network.ts';
import { removeNode, renameNode, setExpiry } from '../state/nodes.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { FakePolicy } from '../testing/fake-policy.ts';
import { FakeSink } from '../testing/fake-sink.ts';
import { machineNames } from './dns-source.ts';
import { Hub } from './hub.ts';
import { GRACE_MS } from './presence.ts';
import { STALLED_MS } from './session.ts';

const SETTLED_MS = 1_000;

type Hidden = (viewer: number, peer: number) => boolean;

async function setup(nodeCount: number, isHidden: Hidden = () => false) {
  const clock = new FakeClock();
  const network = await Network.open({
    store: await openMemoryStore(0),
    clock,
    log: silent,
    defer: setImmediate,
  });
  const nodes = Array.from({ length: nodeCount }, (_, index) => sampleNode(index + 1, { expiry: undefined }));
  await network.save({
    writes: [{ put: 'user', value: sampleUser }, ...nodes.map((value) => ({ put: 'node', value }) as const)],
  });
  const policy = new FakePolicy(network, isHidden);
  const hub = new Hub({
    network,
    policy,
    dns: machineNames('net.example', false),
    clock,
    random: () => 0,
    log: silent,
    baseDomain: 'net.example',
    derpMap: undefined,
  });
  const record = (id: number) => {
    const view = network.node(id);
    if (view === undefined) throw new Error(`no node ${id}`);
    return view.record;
  };
  const open = async (id: number, over: { capver?: number; disco?: string } = {}): Promise<FakeSink> => {
    const sink = new FakeSink();
    const { nodeKey, discoKey } = record(id);
    const disco = over.disco === undefined ? discoKey : parseDiscoKey(`discokey:${over.disco.repeat(64)}`);
    await hub.open(
      {
        nodeId: id,
        nodeKey,
        discoKey: disco,
        capver: over.capver ?? 130,
        isCompressed: true,
        wantsKeepAlive: true,
        sink,
      },
      facts({ discoKey: disco, capver: over.capver ?? 130 }),
      undefined,
    );
    await clock.advance(SETTLED_MS);
    return sink;
  };
  return { clock, network, policy, hub, open, record };
}

const facts = (over: Partial<MapFacts> = {}): MapFacts => ({
  discoKey: undefined,
  hostinfo: undefined,
  endpoints: undefined,
  capver: 130,
  ...over,
});
const endpoints = (...addresses: string[]): Partial<MapFacts> => ({
  endpoints: { addresses, types: addresses.map(() => 1) },
});
const ids = (nodes: MapResponse['Peers']) => nodes?.map((node) => node.ID);

describe('the first message', () => {
  test('has every visible peer in order of id, and nothing precedes it', async () => {
    const { open, network } = await setup(4);
    network.announce([nodeChange(3, What.Whole)]);
    const [first, ...rest] = (await open(2)).take();
    expect(first?.Node?.ID).toBe(2);
    expect(ids(first?.Peers)).toEqual([1, 3, 4]);
    expect(first?.Peers?.[0]).toMatchObject({
      Name: 'host-1.net.example.',
      HomeDERP: 900,
      Endpoints: ['192.0.2.1:41641'],
      Cap: 130,
      Online: false,
    });
    expect(rest).toEqual([]);
  });

  test('a change while it is being made comes after it', async () => {
    const { open, network, record, clock } = await setup(2);
    const opening = open(1);
    await renameNode(network, record(2), 'late');
    const sink = await opening;
    await clock.advance(SETTLED_MS);
    const [first, second] = sink.take();
    const names = [first?.Peers?.[0]?.Name, second?.PeersChanged?.[0]?.Name];
    expect(names).toContain('late.net.example.');
    expect(first?.Node).toBeDefined();
  });
});

describe('deltas', () => {
  test('many changes of one moment are one message, built from how things are now', async () => {
    const { open, network, record, clock } = await setup(5);
    const sink = await open(1);
    sink.take();
    for (const name of ['a', 'b', 'c']) await renameNode(network, record(2), name);
    const saved = [3, 4].map((id) => applyMapFacts(network, record(id), facts(endpoints('198.51.100.1:1'))));
    await removeNode(network, record(5));
    await clock.advance(SETTLED_MS);
    await Promise.all(saved);
    const messages = sink.take();
    const renames = messages.flatMap((one) => one.PeersChanged ?? []);
    expect(renames.at(-1)?.Name).toBe('c.net.example.');
    expect(
      messages
        .flatMap((one) => one.PeersChangedPatch ?? [])
        .map((one) => one.NodeID)
        .sort(),
    ).toEqual([3, 4]);
    expect(messages.flatMap((one) => one.PeersRemoved ?? [])).toEqual([5]);
    expect(messages.length).toBeLessThan(5);
  });

  test('a lone change on a quiet network goes out at once', async () => {
    const { open, network, record, clock } = await setup(2);
    const sink = await open(1);
    sink.take();
    await clock.advance(10_000);
    await renameNode(network, record(2), 'quick');
    await clock.advance(0);
    expect(sink.take()).toHaveLength(1);
  });

  test('a machine hears of itself as Node only, and not of its own endpoints', async () => {
    const { open, network, record, clock } = await setup(2);
    const sink = await open(1);
    sink.take();
    await renameNode(network, record(1), 'self');
    await clock.advance(SETTLED_MS);
    const [message, ...rest] = sink.take();
    expect(message?.Node?.Name).toBe('self.net.example.');
    expect(message?.PeersChanged).toBeUndefined();
    const saved = applyMapFacts(network, record(1), facts(endpoints('203.0.113.1:5')));
    await clock.advance(SETTLED_MS);
    await saved;
    expect([...rest, ...sink.take()]).toEqual([]);
  });

  test('a removal is told only to those who had the peer', async () => {
    const { open, network, record, clock } = await setup(3, (viewer, peer) => viewer === 1 && peer === 3);
    const [one, two] = [await open(1), await open(2)];
    one.take();
    two.take();
    await removeNode(network, record(3));
    await clock.advance(SETTLED_MS);
    expect(one.take()).toEqual([]);
    expect(two.take().map((message) => message.PeersRemoved)).toEqual([[3]]);
  });

  test('a peer that becomes visible comes whole, and one that no longer is gets removed', async () => {
    let isOpen = false;
    const { open, network, policy, clock } = await setup(2, (_viewer, peer) => !isOpen && peer === 2);
    const sink = await open(1);
    expect(sink.take()[0]?.Peers).toBeUndefined();
    isOpen = true;
    policy.reconsider(2);
    network.announce([nodeChange(2, What.Online)]);
    await clock.advance(SETTLED_MS);
    expect(ids(sink.take()[0]?.PeersChanged)).toEqual([2]);
    isOpen = false;
    policy.reconsider(2);
    network.announce([nodeChange(2, What.Online)]);
    await clock.advance(SETTLED_MS);
    expect(sink.take()[0]?.PeersRemoved).toEqual([2]);
  });

  test('streams that need the same message get the same bytes', async () => {
    const { open, network, record, clock } = await setup(4);
    const sinks = [await open(1), await open(2), await open(3)];
    for (const sink of sinks) sink.take();
    await renameNode(network, record(4), 'shared');
    await clock.advance(SETTLED_MS);
    const [first] = sinks[0]?.frames ?? [];
    expect(first).toBeDefined();
    for (const sink of sinks) expect(sink.frames[0]).toBe(first);
  });

  test('a peer whose key ends is told as expired, without a way to it, also in later changes', async () => {
    const { open, network, record, clock } = await setup(2);
    const sink = await open(1);
    await open(2);
    sink.take();
    await setExpiry(network, record(2), clock.now());
    await clock.advance(SETTLED_MS);
    const [gone] = sink.take().flatMap((message) => message.PeersChanged ?? []);
    expect(gone).toMatchObject({ Expired: true, Online: false });
    expect([gone?.Endpoints, gone?.HomeDERP, gone?.DERP]).toEqual([undefined, undefined, undefined]);
    const saved = applyMapFacts(network, record(2), facts(endpoints('203.0.113.77:7')));
    await clock.advance(SETTLED_MS);
    await saved;
    const messages = sink.take();
    expect(messages.flatMap((message) => message.PeersChangedPatch ?? [])).toEqual([]);
    expect(
      messages.flatMap((message) => message.PeersChanged ?? []).every((one) => one.Endpoints === undefined),
    ).toBe(true);
  });
});

describe('endpoints', () => {
  test.each([
    {
      name: 'a new local address is told',
      before: [['192.0.2.1:1', 1]],
      after: [
        ['192.0.2.1:1', 1],
        ['192.0.2.2:1', 1],
      ],
      told: true,
    },
    {
      name: 'another STUN port is not',
      before: [
        ['192.0.2.1:1', 1],
        ['203.0.113.1:5', 2],
      ],
      after: [
        ['192.0.2.1:1', 1],
        ['203.0.113.1:6', 2],
      ],
      told: false,
    },
    {
      name: 'one less is not',
      before: [
        ['192.0.2.1:1', 1],
        ['192.0.2.2:1', 1],
      ],
      after: [['192.0.2.1:1', 1]],
      told: false,
    },
    {
      name: 'the same in another order is not',
      before: [
        ['192.0.2.1:1', 1],
        ['192.0.2.2:1', 1],
      ],
      after: [
        ['192.0.2.2:1', 1],
        ['192.0.2.1:1', 1],
      ],
      told: false,
    },
  ] as const)('$name', async ({ before, after, told }) => {
    const { open, network, record, clock } = await setup(2);
    const set = async (list: readonly (readonly [string, number])[]) => {
      const given = { addresses: list.map(([address]) => address), types: list.map(([, type]) => type) };
      const saved = applyMapFacts(network, record(2), facts({ endpoints: given }));
      await clock.advance(SETTLED_MS);
      await saved;
    };
    await set(before);
    const sink = await open(1);
    sink.take();
    await set(after);
    expect(sink.take().length > 0).toBe(told);
    expect(record(2).endpoints).toEqual(after.map(([address]) => address));
  });

  test('where the control connection comes from is offered at the local port, behind what the machine says', async () => {
    const { open, network, clock } = await setup(2);
    network.setLive(2, { observedIp: '203.0.113.9' });
    const sink = await open(1);
    expect(sink.take()[0]?.Peers?.[0]?.Endpoints).toEqual(['192.0.2.1:41641', '203.0.113.9:41641']);
    network.setLive(2, { observedIp: '2001:db8::9' });
    await clock.advance(SETTLED_MS);
    expect(sink.take()[0]?.PeersChangedPatch?.[0]?.Endpoints).toEqual(['192.0.2.1:41641']);
  });
});

describe('keepalives and slow clients', () => {
  test('a quiet stream gets one every 50 to 59 seconds, always the same bytes', async () => {
    const { open, clock } = await setup(1);
    const sink = await open(1);
    sink.take();
    await clock.advance(105_000);
    expect(sink.frames).toHaveLength(2);
    expect(sink.frames[0]).toEqual(sink.frames[1]);
    expect(sink.take()).toMatchObject([{ KeepAlive: true }, { KeepAlive: true }]);
  });

  test('a change puts the next one off', async () => {
    const { open, network, record, clock } = await setup(2);
    const sink = await open(1);
    await clock.advance(40_000);
    await renameNode(network, record(2), 'x');
    await clock.advance(40_000);
    expect(sink.take().filter((message) => message.KeepAlive === true)).toEqual([]);
  });

  test('a client that reads nothing holds up nobody, costs no memory, and gets one message with everything after', async () => {
    const { open, network, record, clock } = await setup(3);
    const [slow, fast] = [await open(1), await open(2)];
    slow.take();
    fast.take();
    slow.stall();
    for (let n = 0; n < 20; n++) {
      await renameNode(network, record(3), `name-${n}`);
      await clock.advance(SETTLED_MS);
    }
    expect(slow.frames).toHaveLength(1);
    expect(fast.take()).toHaveLength(20);
    slow.take();
    slow.drain();
    await clock.advance(SETTLED_MS);
    expect(
      slow
        .take()
        .flatMap((message) => message.PeersChanged ?? [])
        .map((one) => one.Name),
    ).toEqual(['name-19.net.example.']);
  });

  test('one that reads nothing for too long is dropped', async () => {
    const { open, network, record, clock, hub } = await setup(2);
    const sink = await open(1);
    sink.stall();
    await renameNode(network, record(2), 'x');
    await clock.advance(STALLED_MS + SETTLED_MS);
    expect(sink.state).toBe('destroyed');
    expect(hub.streamCount).toBe(0);
  });
});

describe('presence', () => {
  test('online is told when the stream begins, offline only after the grace', async () => {
    const { open, clock } = await setup(2);
    const watcher = await open(1);
    watcher.take();
    const sink = await open(2);
    expect(watcher.take()[0]?.PeersChangedPatch).toMatchObject([{ NodeID: 2, Online: true }]);
    sink.hangUp();
    await clock.advance(GRACE_MS - 1_000);
    expect(watcher.take()).toEqual([]);
    await clock.advance(2_000);
    const [patch] = watcher.take()[0]?.PeersChangedPatch ?? [];
    expect(patch).toMatchObject({ NodeID: 2, Online: false });
    expect(patch?.LastSeen).toBeDefined();
  });

  test('a machine that changes networks never seems to go away', async () => {
    const { open, clock } = await setup(2);
    const watcher = await open(1);
    const sink = await open(2);
    watcher.take();
    sink.hangUp();
    await clock.advance(5_000);
    await open(2);
    await clock.advance(60_000);
    expect(watcher.take().flatMap((message) => message.PeersChangedPatch ?? [])).toEqual([]);
  });

  test('the newest stream ends the older one, whose end then changes nothing', async () => {
    const { open, hub, network, clock } = await setup(1);
    const [older, newer] = [await open(1), await open(1)];
    expect([older.state, newer.state]).toEqual(['ended', 'open']);
    older.hangUp();
    await clock.advance(60_000);
    expect(hub.streamCount).toBe(1);
    expect(network.node(1)?.isOnline).toBe(true);
  });

  test('older clients are told of a clone by Health, and again when it is over', async () => {
    const { open, clock } = await setup(1);
    await open(1, { disco: 'a', capver: 100 });
    await open(1, { disco: 'b', capver: 100 });
    const back = await open(1, { disco: 'a', capver: 100 });
    expect(back.take()[0]?.Health?.[0]).toMatch(/two machines/);
    const more = await open(1, { disco: 'b', capver: 100 });
    expect(back.state).toBe('open');
    more.hangUp();
    await clock.advance(SETTLED_MS);
    expect(back.take().at(-1)?.Health).toBeDefined();
  });

  test('streams of a machine that is deleted, or whose key was replaced, end', async () => {
    const { open, network, record, clock } = await setup(2);
    const [one, two] = [await open(1), await open(2)];
    await removeNode(network, record(1));
    await network.save({
      writes: [{ put: 'node', value: { ...record(2), nodeKey: sampleNode(50).nodeKey } }],
      changes: [nodeChange(2, What.Key)],
    });
    await clock.advance(SETTLED_MS);
    expect([one.state, two.state]).toEqual(['ended', 'ended']);
  });

  test('closing ends every stream and leaves no timer', async () => {
    const { open, hub, clock } = await setup(3);
    const sinks = [await open(1), await open(2), await open(3)];
    hub.close();
    await clock.advance(SETTLED_MS);
    expect(sinks.map((sink) => sink.state)).toEqual(['ended', 'ended', 'ended']);
    expect(clock.pending).toBe(0);
  });
});
