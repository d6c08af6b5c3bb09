/** Whatever happens in whatever order, a client that applies its messages ends up with what a fresh full map says. */
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDiscoKey, parseNodeKey } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { type MapResponse, mapResponse } from '#shared/wire/map.ts';
import type { Node } from '#shared/wire/node.ts';
import { nodeChange, What } from '../state/changes.ts';
import { applyMapFacts } from '../state/map-facts.ts';
import { Network } from '../state/network.ts';
import { removeNode, renameNode, setExpiry } from '../state/nodes.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { FakePolicy } from '../testing/fake-policy.ts';
import { FakeSink } from '../testing/fake-sink.ts';
import { machineNames } from './dns-source.ts';
import { Hub } from './hub.ts';

const WATCHER = 1;
const FIRST = 4;

/** The client's side of control-protocol.md §5.5, in few words. */
function merge(peers: Map<string, Node>, message: MapResponse): void {
  if (message.Peers !== undefined) peers.clear();
  for (const peer of message.Peers ?? []) peers.set(String(peer.ID), peer);
  for (const id of message.PeersRemoved ?? []) {
    expect(peers.delete(String(id)), `removal of ${id}, which was never sent`).toBe(true);
  }
  for (const peer of message.PeersChanged ?? []) peers.set(String(peer.ID), peer);
  for (const patch of message.PeersChangedPatch ?? []) {
    const known = peers.get(String(patch.NodeID));
    expect(known, `patch of ${patch.NodeID}, which was never sent`).toBeDefined();
    if (known === undefined) continue;
    peers.set(String(patch.NodeID), {
      ...known,
      Key: patch.Key ?? known.Key,
      DiscoKey: patch.DiscoKey ?? known.DiscoKey,
      HomeDERP: patch.DERPRegion ?? known.HomeDERP,
      Endpoints: patch.Endpoints ?? known.Endpoints,
      Online: patch.Online ?? known.Online,
      KeyExpiry: patch.KeyExpiry ?? known.KeyExpiry,
    });
  }
}

const essence = (peers: Iterable<Node>) =>
  [...peers]
    .map(({ ID, Name, Key, DiscoKey, HomeDERP, Endpoints, Online, Expired, User }) => ({
      ID,
      Name,
      Key,
      DiscoKey,
      HomeDERP,
      Endpoints: Endpoints ?? [],
      Online,
      Expired,
      User,
    }))
    .sort((a, b) => Number(a.ID) - Number(b.ID));

const operation = fc.record({
  what: fc.constantFrom(
    'add',
    'remove',
    'rename',
    'move',
    'disco',
    'derp',
    'online',
    'offline',
    'expire',
    'rotate',
    'hide',
    'show',
    'stall',
    'drain',
    'wait',
  ),
  id: fc.integer({ min: 2, max: FIRST + 2 }),
  /** Whether the streams get to hear of it before the next one. */
  isAlone: fc.boolean(),
  n: fc.integer({ min: 1, max: 9 }),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

async function scenario(operations: readonly Operation[]): Promise<void> {
  const clock = new FakeClock();
  const hidden = new Set<number>();
  const network = await Network.open({
    store: await openMemoryStore(0),
    clock,
    log: silent,
    defer: setImmediate,
  });
  const nodes = Array.from({ length: FIRST }, (_, index) => sampleNode(index + 1, { expiry: undefined }));
  const next = { put: 'setting', key: 'next-node-id', value: String(FIRST + 1) } as const;
  await network.save({
    writes: [
      { put: 'user', value: sampleUser },
      next,
      ...nodes.map((value) => ({ put: 'node', value }) as const),
    ],
  });
  const policy = new FakePolicy(network, (_viewer, peer) => hidden.has(peer));
  const base = {
    network,
    policy,
    dns: machineNames('net.example', false),
    clock,
    random: () => 0,
    log: silent,
    baseDomain: 'net.example',
  };
  const hub = new Hub({ ...base, derpMap: undefined });
  const sink = new FakeSink();
  const facts = { discoKey: undefined, hostinfo: undefined, endpoints: undefined, capver: 130 };
  const request = {
    nodeId: WATCHER,
    discoKey: undefined,
    capver: 130,
    isCompressed: true,
    wantsKeepAlive: true,
    sink,
  };
  await hub.open({ ...request, nodeKey: sampleNode(WATCHER).nodeKey }, facts, undefined);

  const pending: Promise<unknown>[] = [];
  const act = async ({ what, id, n }: Operation): Promise<void> => {
    if (what === 'stall') return sink.stall();
    if (what === 'drain') return sink.drain();
    if (what === 'wait') return clock.advance(n * 100);
    if (what === 'add') {
      const fresh = network.nextId('node');
      const value = sampleNode(fresh.id, { expiry: undefined });
      return network.save({
        writes: [fresh.write, { put: 'node', value }],
        changes: [nodeChange(fresh.id, What.Whole)],
      });
    }
    const record = network.node(id)?.record;
    if (record === undefined) return;
    const text = String(n).repeat(64);
    switch (what) {
      case 'remove':
        return removeNode(network, record);
      case 'rename':
        await renameNode(network, record, `n${n}-${id}`);
        return;
      case 'move': {
        const endpoints = { addresses: [`198.51.100.${n}:${id}`], types: [1] };
        pending.push(applyMapFacts(network, record, { ...facts, endpoints }));
        return;
      }
      case 'disco':
        pending.push(
          applyMapFacts(network, record, { ...facts, discoKey: parseDiscoKey(`discokey:${text}`) }),
        );
        return;
      case 'derp': {
        const hostinfo = { ...record.hostinfo, NetInfo: { PreferredDERP: n } } as typeof record.hostinfo;
        pending.push(applyMapFacts(network, record, { ...facts, hostinfo }));
        return;
      }
      case 'online':
      case 'offline':
        return network.setLive(id, { isOnline: what === 'online' });
      case 'expire':
        return setExpiry(network, record, clock.now());
      case 'rotate': {
        const value = {
          ...record,
          nodeKey: parseNodeKey(`nodekey:${text.slice(2)}${String(10 + id)}`),
          expiry: clock.now() + 1e9,
        };
        if (network.nodeByKey(value.nodeKey) !== undefined) return;
        return network.save({ writes: [{ put: 'node', value }], changes: [nodeChange(id, What.Whole)] });
      }
      case 'hide':
      case 'show':
        if (what === 'hide') hidden.add(id);
        else hidden.delete(id);
        policy.reconsider(id);
        return network.announce([nodeChange(id, What.Online)]);
      default:
        throw new Error(what);
    }
  };
  for (const one of operations) {
    await act(one);
    if (one.isAlone) await clock.advance(1_000);
  }
  sink.drain();
  // Stalled for so long that it was dropped: its client would begin anew.
  if (sink.state !== 'open') return;
  await clock.advance(10_000);
  await Promise.all(pending);
  await clock.advance(1_000);

  const seen = new Map<string, Node>();
  for (const message of sink.take()) merge(seen, message);
  const frame = await hub.oneShot(WATCHER, 130, true, true);
  const want = mapResponse.parse(JSON.parse(zstdDecompressSync(frame.subarray(4)).toString()));
  expect(essence(seen.values())).toEqual(essence(want.Peers ?? []));
  hub.close();
}

test('deltas converge to the full map', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 60, size: 'max' }), scenario),
    { numRuns: 80 },
  );
});
