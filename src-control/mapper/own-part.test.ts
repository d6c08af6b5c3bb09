/** What a machine is told of itself: approval, filter, names, rights, profiles, and in which order others hear of it. */
import { describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { derpMap, type MapResponse } from '#shared/wire/map.ts';
import { Effect } from '../policy/live/view.ts';
import { nodeChange, What } from '../state/changes.ts';
import { applyMapFacts } from '../state/map-facts.ts';
import { Network } from '../state/network.ts';
import { TAGGED_DEVICES } from '../state/users.ts';
import type { NodeRecord } from '../store/records.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { FakePolicy } from '../testing/fake-policy.ts';
import { FakeSink } from '../testing/fake-sink.ts';
import { machineNames } from './dns-source.ts';
import { Hub } from './hub.ts';

const SETTLED_MS = 1_000;
const CLOSED = [{ SrcIPs: ['100.64.0.9'], DstPorts: [{ IP: '*', Ports: { First: 22, Last: 22 } }] }];

async function setup(records: readonly NodeRecord[]) {
  const clock = new FakeClock();
  const network = await Network.open({
    store: await openMemoryStore(0),
    clock,
    log: silent,
    defer: setImmediate,
  });
  await network.save({
    writes: [
      { put: 'user', value: sampleUser },
      ...records.map((value) => ({ put: 'node', value }) as const),
    ],
  });
  const policy = new FakePolicy(network);
  const dns = { ...machineNames('net.example', false), config: { Proxied: false } as object };
  /** Which stream was written to, in order. */
  const order: number[] = [];
  const hub = new Hub({
    network,
    policy,
    dns: { ...dns, configOf: () => dns.config },
    clock,
    random: () => 0,
    log: silent,
    baseDomain: 'net.example',
    derpMap: undefined,
  });
  const record = (id: number): NodeRecord => {
    const view = network.node(id);
    if (view === undefined) throw new Error(`no node ${id}`);
    return view.record;
  };
  const open = async (id: number, capver = 130): Promise<FakeSink> => {
    const sink = new FakeSink();
    const write = sink.write.bind(sink);
    sink.write = (frame) => {
      order.push(id);
      return write(frame);
    };
    const { nodeKey, discoKey } = record(id);
    const stream = { isCompressed: true, wantsKeepAlive: true, sink };
    const facts = { discoKey, hostinfo: undefined, endpoints: undefined, capver };
    await hub.open({ nodeId: id, nodeKey, discoKey, capver, ...stream }, facts, undefined);
    await clock.advance(SETTLED_MS);
    return sink;
  };
  const put = async (value: NodeRecord, what: number): Promise<void> => {
    await network.save({ writes: [{ put: 'node', value }], changes: [nodeChange(value.id, what)] });
    await clock.advance(SETTLED_MS);
  };
  return { clock, network, policy, dns, hub, order, record, open, put };
}

const node = (id: number, over: Partial<NodeRecord> = {}): NodeRecord =>
  sampleNode(id, { expiry: undefined, ...over });
const peerIds = (message: MapResponse | undefined) => message?.Peers?.map((peer) => Number(peer.ID));

describe('a machine that waits for approval', () => {
  test('has no peers, an empty filter and a word about it, and nobody sees it', async () => {
    const { open } = await setup([node(1), node(2, { approvedAt: undefined })]);
    const [[other], [waiting]] = [(await open(1)).take(), (await open(2)).take()];
    expect(waiting?.Node?.MachineAuthorized).toBe(false);
    expect([waiting?.Peers, waiting?.PacketFilters]).toEqual([undefined, { base: [] }]);
    expect(Object.keys(waiting?.DisplayMessages ?? {})).toEqual(['rhumb-waits-for-approval']);
    expect(other?.Peers).toBeUndefined();
  });

  test('gets its network on the same stream once it is approved, and loses it when it is disabled', async () => {
    const { open, put, record, clock } = await setup([node(1), node(2, { approvedAt: undefined })]);
    const [other, waiting] = [await open(1), await open(2)];
    other.take();
    waiting.take();
    await put({ ...record(2), approvedAt: clock.now() }, What.Tags);
    const [approved] = waiting.take();
    expect(approved?.Node?.MachineAuthorized).toBe(true);
    expect(approved?.PeersChanged?.map((peer) => peer.ID)).toEqual([1]);
    expect(approved?.PacketFilters?.['base']).toHaveLength(1);
    expect(approved?.DisplayMessages).toEqual({ 'rhumb-waits-for-approval': null });
    expect(other.take()[0]?.PeersChanged?.map((peer) => peer.ID)).toEqual([2]);
    await put({ ...record(2), disabledAt: clock.now() }, What.Tags);
    const [disabled] = waiting.take();
    expect(disabled?.Node?.MachineAuthorized).toBe(false);
    expect([disabled?.PeersRemoved, disabled?.PacketFilters]).toEqual([[1], { base: [] }]);
    expect(other.take()[0]?.PeersRemoved).toEqual([2]);
  });

  test('is told by Health where the client knows no DisplayMessages', async () => {
    const { open, put, record, clock } = await setup([node(1, { approvedAt: undefined })]);
    const sink = await open(1, 116);
    expect(sink.take()[0]?.Health?.[0]).toMatch(/waits for approval/);
    await put({ ...record(1), approvedAt: clock.now() }, What.Tags);
    expect(sink.take()[0]?.Health).toEqual([]);
  });
});

describe('only what differs', () => {
  test('a filter that changes comes alone, and not at all when it says the same', async () => {
    const { open, policy, network, clock } = await setup([node(1), node(2)]);
    const sink = await open(1);
    sink.take();
    policy.filters.set(1, CLOSED);
    policy.affect(1, Effect.Filter);
    network.announce([{ kind: 'policy' }]);
    await clock.advance(SETTLED_MS);
    expect(sink.take()).toEqual([{ PacketFilters: { base: CLOSED } }]);
    policy.filters.set(1, structuredClone(CLOSED));
    policy.affect(1, Effect.Filter | Effect.Peers | Effect.Ssh | Effect.Caps | Effect.Routes);
    network.announce([{ kind: 'policy' }]);
    await clock.advance(SETTLED_MS);
    expect(sink.take()).toEqual([]);
  });

  test('SSH rules come alone, and go as an empty list', async () => {
    const { open, policy, network, clock } = await setup([node(1)]);
    const sink = await open(1);
    expect(sink.take()[0]?.SSHPolicy).toEqual({ rules: [] });
    const rule = {
      principals: [{ nodeIP: '100.64.0.2' }],
      sshUsers: { root: 'root' },
      action: { accept: true },
    };
    for (const rules of [[rule], undefined]) {
      if (rules === undefined) policy.ssh.delete(1);
      else policy.ssh.set(1, rules);
      policy.affect(1, Effect.Ssh);
      network.announce([{ kind: 'policy' }]);
      await clock.advance(SETTLED_MS);
      expect(sink.take()).toEqual([{ SSHPolicy: { rules: rules ?? [] } }]);
    }
  });

  test('names come alone, and only where they differ', async () => {
    const { open, dns, network, clock } = await setup([node(1)]);
    const sink = await open(1);
    expect(sink.take()[0]?.DNSConfig).toEqual({ Proxied: false });
    dns.config = { Proxied: true };
    network.announce([{ kind: 'dns' }]);
    await clock.advance(SETTLED_MS);
    expect(sink.take()).toEqual([{ DNSConfig: { Proxied: true } }]);
    network.announce([{ kind: 'dns' }]);
    await clock.advance(SETTLED_MS);
    expect(sink.take()).toEqual([]);
  });

  test('relays come alone', async () => {
    const { open, hub, clock } = await setup([node(1)]);
    const sink = await open(1);
    sink.take();
    const map = () =>
      derpMap.parse({ Regions: { 7: { RegionID: 7, RegionCode: 'x', RegionName: 'X', Nodes: [] } } });
    hub.setDerpMap(map());
    hub.setDerpMap(map());
    await clock.advance(SETTLED_MS);
    expect(sink.take().map((message) => Object.keys(message))).toEqual([['DERPMap']]);
  });

  test('a profile that changes is told to those who know its user, once', async () => {
    const { open, network, clock } = await setup([node(1), node(2)]);
    const sinks = [await open(1), await open(2)];
    for (const sink of sinks) sink.take();
    const value = { ...sampleUser, displayName: 'Alice the Second' };
    await network.save({ writes: [{ put: 'user', value }], changes: [{ kind: 'user', id: 1 }] });
    await clock.advance(SETTLED_MS);
    for (const sink of sinks)
      expect(sink.take()).toMatchObject([{ UserProfiles: [{ ID: 1, DisplayName: 'Alice the Second' }] }]);
  });

  test('a role is a right of the owner’s machines', async () => {
    const { open, network, clock } = await setup([node(1)]);
    const sink = await open(1);
    expect(sink.take()[0]?.Node?.CapMap).not.toHaveProperty('https://tailscale.com/cap/is-admin');
    const value = { ...sampleUser, role: 'owner' } as const;
    await network.save({ writes: [{ put: 'user', value }], changes: [{ kind: 'user', id: 1 }] });
    await clock.advance(SETTLED_MS);
    const caps = sink.take()[0]?.Node?.CapMap;
    expect(caps).toHaveProperty('https://tailscale.com/cap/is-admin');
    expect(caps).toHaveProperty('https://tailscale.com/cap/is-owner');
  });

  test('a home relay is told to the machine itself too', async () => {
    const { open, network, record, clock } = await setup([node(1)]);
    const sink = await open(1);
    sink.take();
    const hostinfo = { ...record(1).hostinfo, NetInfo: { PreferredDERP: 7 } } as NodeRecord['hostinfo'];
    const facts = { discoKey: undefined, hostinfo, endpoints: undefined, capver: 130 };
    const saved = applyMapFacts(network, record(1), facts);
    await clock.advance(SETTLED_MS);
    await saved;
    expect(sink.take().map((message) => message.Node?.HomeDERP)).toEqual([7]);
  });
});

describe('peers', () => {
  test('a tagged machine belongs to the tagged devices, whose profile comes with it', async () => {
    const { open, put, record } = await setup([node(1), node(2)]);
    const sink = await open(1);
    sink.take();
    await put({ ...record(2), userId: undefined, tags: ['tag:web'] }, What.Tags);
    const [message] = sink.take();
    expect(message?.PeersChanged).toMatchObject([{ ID: 2, User: TAGGED_DEVICES.id, Tags: ['tag:web'] }]);
    expect(message?.UserProfiles?.map(({ LoginName }) => LoginName)).toEqual(['tagged-devices']);
  });

  test('attributes, which share their bit with tags, are told to nobody', async () => {
    const { open, put, record } = await setup([node(1), node(2)]);
    const sink = await open(1);
    await put({ ...record(2), tags: ['tag:web'], userId: undefined }, What.Tags);
    sink.take();
    const attributes = { 'custom:tier': { value: 1, updatedAt: 1, comment: '' } };
    await put({ ...record(2), attributes }, What.Tags);
    expect(sink.take()).toEqual([]);
  });

  test('a route moves from one router to the other in one message', async () => {
    const route = '10.0.0.0/24';
    const [one, two] = [node(2, { approvedRoutes: [route] }), node(3, { approvedRoutes: [route] })];
    const { open, network, policy, clock } = await setup([node(1), one, two]);
    const elect = async (id: number): Promise<void> => {
      const value = JSON.stringify({ [route]: id });
      const changes = [2, 3].map((router) => nodeChange(router, What.Routes));
      await network.save({ writes: [{ put: 'setting', key: 'route-primaries', value }], changes });
      await clock.advance(SETTLED_MS);
    };
    await elect(2);
    const sink = await open(1);
    const [first] = sink.take();
    expect(first?.Peers?.map((peer) => peer.PrimaryRoutes)).toEqual([[route], undefined]);
    expect(first?.Peers?.[0]?.AllowedIPs).toContain(route);
    expect(first?.Peers?.[1]?.AllowedIPs).toBeUndefined();
    policy.affect(1, Effect.Routes);
    await elect(3);
    const messages = sink.take();
    expect(messages).toHaveLength(1);
    const changed = messages[0]?.PeersChanged?.map((peer) => [Number(peer.ID), peer.PrimaryRoutes]);
    expect(changed).toEqual([
      [2, undefined],
      [3, [route]],
    ]);
  });

  test.each([
    { capver: 110, want: { DERP: '127.3.3.40:900', HomeDERP: undefined, hasAllowed: true } },
    { capver: 111, want: { DERP: undefined, HomeDERP: 900, hasAllowed: true } },
    { capver: 112, want: { DERP: undefined, HomeDERP: 900, hasAllowed: false } },
    { capver: 9_999, want: { DERP: undefined, HomeDERP: 900, hasAllowed: false } },
  ])('are said as version $capver understands it', async ({ capver, want }) => {
    const { open } = await setup([node(1), node(2)]);
    const [peer] = (await open(1, capver)).take()[0]?.Peers ?? [];
    const { DERP, HomeDERP, AllowedIPs } = peer ?? {};
    expect({ DERP, HomeDERP, hasAllowed: AllowedIPs !== undefined }).toEqual(want);
  });

  test('a machine whose filter changes is told before those who see it anew', async () => {
    const { open, policy, network, order, clock } = await setup([node(1), node(2), node(3)]);
    for (const id of [1, 2, 3]) await open(id);
    order.length = 0;
    policy.filters.set(3, CLOSED);
    policy.affect(3, Effect.Filter);
    network.announce([nodeChange(2, What.Whole)]);
    await clock.advance(SETTLED_MS);
    expect(order).toEqual([3, 1, 2].filter((id) => order.includes(id)));
    expect(order[0]).toBe(3);
  });

  test('a thousand streams are not visited for a change that concerns one', async () => {
    const ids = Array.from({ length: 30 }, (_, index) => index + 1);
    const { open, put, record, order } = await setup(ids.map((id) => node(id, { approvedAt: undefined })));
    for (const id of ids) await open(id);
    order.length = 0;
    await put({ ...record(7), givenName: 'seven' }, What.Whole);
    expect(order).toEqual([7]);
  });
});

describe('questions', () => {
  test('ride on a keepalive of the newest stream', async () => {
    const { open, hub } = await setup([node(1)]);
    expect(hub.ping(1, { url: 'https://net.example/x' })).toBe(false);
    const sink = await open(1);
    sink.take();
    const payload = Buffer.from('GET / HTTP/1.1\r\n\r\n');
    expect(hub.ping(1, { url: 'https://net.example/x', types: 'c2n', payload })).toBe(true);
    expect(sink.take()).toMatchObject([
      {
        KeepAlive: true,
        PingRequest: { URL: 'https://net.example/x', Types: 'c2n', Payload: payload.toString('base64') },
      },
    ]);
    sink.stall();
    hub.ping(1, { url: 'https://net.example/x' });
    expect(hub.ping(1, { url: 'https://net.example/x' })).toBe(false);
  });

  test('one message without a stream says all, and waits for its turn', async () => {
    const { hub, open } = await setup([node(1), node(2)]);
    const frames = await Promise.all(Array.from({ length: 12 }, () => hub.oneShot(1, 130, false, true)));
    for (const frame of frames) {
      const message = JSON.parse(Buffer.from(frame).subarray(4).toString());
      expect(message.Peers).toHaveLength(1);
    }
    expect(peerIds((await open(2)).take()[0])).toEqual([1]);
  });
});
