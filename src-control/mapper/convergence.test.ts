/** Whatever happens in whatever order, a client that applies its messages ends up with what a fresh full map says. */
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDiscoKey, parseNodeKey } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { type MapResponse, mapResponse } from '#shared/wire/map.ts';
import type { Node, PeerChange } from '#shared/wire/node.ts';
import { LivePolicy } from '../policy/live/live-policy.ts';
import { checkText } from '../policy/offline/compile-offline.ts';
import { nodeChange, What } from '../state/changes.ts';
import { applyMapFacts } from '../state/map-facts.ts';
import { Network, PRIMARIES } from '../state/network.ts';
import type { NodeRecord, Write } from '../store/records.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { FakeSink } from '../testing/fake-sink.ts';
import { machineNames } from './dns-source.ts';
import { Hub } from './hub.ts';

/** Whose streams are compared: an old client and a current one. */
const WATCHERS = [
  { id: 1, capver: 100 },
  { id: 2, capver: 130 },
] as const;
const FIRST = 5;
const ROUTE = '10.1.0.0/16';
const USERS = [sampleUser, { ...sampleUser, id: 2, name: 'bob', displayName: 'Bob' }];

const accept = (src: string, dst: string): object => ({ action: 'accept', src: [src], dst: [dst] });
const base = { tagOwners: { 'tag:web': [] } };
const POLICIES: readonly string[] = [
  {},
  { ...base, acls: [] },
  { ...base, acls: [accept('*', '*:*')] },
  { ...base, acls: [accept('alice@', 'tag:web:80'), accept('autogroup:member', 'autogroup:self:*')] },
  { ...base, acls: [accept('bob@', `${ROUTE}:443`), accept('tag:web', 'alice@:22')] },
  {
    ...base,
    acls: [accept('bob@', 'alice@:*')],
    ssh: [{ action: 'accept', src: ['bob@'], dst: ['tag:web'], users: ['root'] }],
    nodeAttrs: [{ target: ['alice@'], attr: ['randomize-client-port', 'dns-subdomain-resolve'] }],
  },
  {
    ...base,
    postures: { 'posture:ok': ["custom:ok == 'yes'"], 'posture:new': ["node:tsVersion >= '1.82.2'"] },
    acls: [
      { ...accept('autogroup:member', 'tag:web:*'), srcPosture: ['posture:ok', 'posture:new'] },
      accept('autogroup:owner', 'autogroup:member:22'),
    ],
    ssh: [
      {
        ...{ action: 'check', src: ['autogroup:member'], dst: ['autogroup:self', 'tag:web'] },
        ...{ users: ['root'], recorder: ['tag:web'], enforceRecorder: true },
      },
    ],
    nodeAttrs: [{ target: ['autogroup:owner'], attr: ['disable-ipv4', 'dns-subdomain-resolve'] }],
  },
  {
    ...base,
    grants: [
      { src: ['alice@'], dst: [ROUTE], ip: ['tcp:443'], via: ['tag:web'] },
      { src: ['autogroup:member'], dst: ['tag:web'], app: { 'tailscale.com/cap/drive': [{}] } },
    ],
    acls: [accept('bob@', '*:*')],
    disableIPv4: true,
  },
].map((policy) => JSON.stringify(policy));

/** What a client knows of the whole, merged as control-protocol.md §5.5 says, in few words. */
interface Client {
  self: Node | undefined;
  readonly peers: Map<string, Node>;
  readonly users: Map<string, unknown>;
  readonly notices: Map<string, unknown>;
  rest: Partial<Pick<MapResponse, 'PacketFilters' | 'SSHPolicy' | 'DNSConfig' | 'DERPMap' | 'Health'>>;
}
const newClient = (): Client => ({
  self: undefined,
  peers: new Map(),
  users: new Map(),
  notices: new Map(),
  rest: {},
});

function merge(client: Client, message: MapResponse): void {
  mergePeers(client.peers, message);
  client.self = message.Node ?? client.self;
  for (const user of message.UserProfiles ?? []) client.users.set(String(user.ID), user);
  for (const [id, notice] of Object.entries(message.DisplayMessages ?? {}))
    if (notice === null) client.notices.delete(id);
    else client.notices.set(id, notice);
  for (const name of ['PacketFilters', 'SSHPolicy', 'DNSConfig', 'DERPMap', 'Health'] as const)
    if (message[name] !== undefined) client.rest = { ...client.rest, [name]: message[name] };
}

function mergePeers(peers: Map<string, Node>, message: MapResponse): void {
  for (const peer of message.Peers ?? []) peers.set(String(peer.ID), peer);
  for (const id of message.PeersRemoved ?? [])
    expect(peers.delete(String(id)), `removal of ${id}, which was never sent`).toBe(true);
  for (const peer of message.PeersChanged ?? []) peers.set(String(peer.ID), peer);
  for (const patch of message.PeersChangedPatch ?? []) {
    const known = peers.get(String(patch.NodeID));
    expect(known, `patch of ${patch.NodeID}, which was never sent`).toBeDefined();
    if (known !== undefined) peers.set(String(patch.NodeID), patched(known, patch));
  }
}

const patched = (known: Node, patch: PeerChange): Node => ({
  ...known,
  Key: patch.Key ?? known.Key,
  DiscoKey: patch.DiscoKey ?? known.DiscoKey,
  ...homeOf(known, patch.DERPRegion),
  Endpoints: patch.Endpoints ?? known.Endpoints,
  Online: patch.Online ?? known.Online,
  KeyExpiry: patch.KeyExpiry ?? known.KeyExpiry,
});

/** One of the two, as the client's version has it. */
const homeOf = ({ DERP, HomeDERP }: Node, region: number | undefined): Pick<Node, 'DERP' | 'HomeDERP'> =>
  DERP === undefined || region === undefined
    ? { DERP, HomeDERP: region ?? HomeDERP }
    : { DERP: `127.3.3.40:${region}`, HomeDERP };

/** All that must agree: everything but when somebody was last seen. */
function essence({ self, peers, users, notices, rest }: Client): object {
  const sorted = [...peers.values()].sort((a, b) => Number(a.ID) - Number(b.ID));
  return {
    // Its own endpoints and disco key it knows best, and is not told.
    self: { ...self, Endpoints: undefined, DiscoKey: undefined, LastSeen: undefined },
    peers: sorted.map((peer) => ({ ...peer, Endpoints: peer.Endpoints ?? [], LastSeen: undefined })),
    // Profiles of users whose machines went away may stay.
    users: sorted.map(({ User }) => users.get(String(User))),
    notices: [...notices.keys()].sort(),
    rest: { ...rest, Health: rest.Health ?? [] },
  };
}

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
    'policy',
    'owner',
    'tag',
    'announce',
    'approve-route',
    'elect',
    'approve',
    'disable',
    'attribute',
    'update',
    'profile',
    'role',
    'dns',
    'relays',
    'stall',
    'drain',
    'wait',
  ),
  id: fc.integer({ min: 1, max: FIRST + 2 }),
  /** Whether the streams get to hear of it before the next one. */
  isAlone: fc.boolean(),
  n: fc.integer({ min: 1, max: 9 }),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

const noFacts = { discoKey: undefined, hostinfo: undefined, endpoints: undefined, capver: 130 };

async function setup() {
  const clock = new FakeClock();
  const network = await Network.open({
    store: await openMemoryStore(0),
    clock,
    log: silent,
    defer: setImmediate,
  });
  const nodes = Array.from({ length: FIRST }, (_, index) => sampleNode(index + 1, { expiry: undefined }));
  await network.save({
    writes: [
      ...USERS.map((value) => ({ put: 'user', value }) as const),
      { put: 'setting', key: 'next-node-id', value: String(FIRST + 1) },
      ...nodes.map((value) => ({ put: 'node', value }) as const),
    ],
  });
  const now = { policy: parsed(POLICIES[0]), dns: { Proxied: false } as object };
  const policy = new LivePolicy({
    network,
    clock,
    serverUrl: 'https://net.example',
    inForce: () => now.policy,
  });
  const hub = new Hub({
    ...{ network, policy, clock, random: () => 0, log: silent, baseDomain: 'net.example' },
    dns: { ...machineNames('net.example', false), configOf: () => now.dns },
    derpMap: undefined,
  });
  const sinks: FakeSink[] = [];
  for (const { id, capver } of WATCHERS) {
    const sink = new FakeSink();
    sinks.push(sink);
    const { nodeKey } = sampleNode(id);
    const stream = { discoKey: undefined, isCompressed: true, wantsKeepAlive: true, sink };
    await hub.open({ nodeId: id, nodeKey, capver, ...stream }, { ...noFacts, capver }, undefined);
  }
  return { clock, network, hub, sinks, now, pending: [] as Promise<unknown>[] };
}
type Scene = Awaited<ReturnType<typeof setup>>;

function parsed(text: string | undefined) {
  const { ast } = checkText(text ?? '');
  if (ast === undefined) throw new Error(`a bad policy: ${text}`);
  return ast;
}

async function act(scene: Scene, operation: Operation): Promise<void> {
  const { clock, network, hub, sinks, now } = scene;
  const { what, id, n } = operation;
  switch (what) {
    case 'stall':
      return sinks[n % 2]?.stall();
    case 'drain':
      return sinks[n % 2]?.drain();
    case 'wait':
      return clock.advance(n * 100);
    case 'policy':
      now.policy = parsed(POLICIES[n % POLICIES.length]);
      return network.announce([{ kind: 'policy' }]);
    case 'dns':
      now.dns = { Proxied: n % 2 === 0, Domains: [`d${n}.example`] };
      return network.announce([{ kind: 'dns' }]);
    case 'relays':
      return hub.setDerpMap(
        n % 2 === 0 ? undefined : { Regions: {}, HomeParams: undefined, omitDefaultRegions: true },
      );
    case 'profile':
    case 'role': {
      const user = network.user(1 + (n % 2)) ?? sampleUser;
      const value =
        what === 'role'
          ? ({ ...user, role: n % 3 === 0 ? 'owner' : 'member' } as const)
          : { ...user, displayName: `name ${n}` };
      return network.save({ writes: [{ put: 'user', value }], changes: [{ kind: 'user', id: user.id }] });
    }
    case 'add': {
      const fresh = network.nextId('node');
      const value = sampleNode(fresh.id, { expiry: undefined, userId: 1 + (n % 2) });
      return network.save({
        writes: [fresh.write, { put: 'node', value }],
        changes: [nodeChange(fresh.id, What.Whole)],
      });
    }
    case 'elect': {
      const value = JSON.stringify({ [ROUTE]: id });
      const changes = [...network.nodes()].map(({ record }) => nodeChange(record.id, What.Routes));
      return network.save({ writes: [{ put: 'setting', key: PRIMARIES, value }], changes });
    }
    default:
      return actOn(scene, { ...operation, what });
  }
}

type OnNode = Operation & { readonly what: Exclude<Operation['what'], 'stall'> };

async function actOn({ clock, network, pending }: Scene, { what, id, n }: OnNode): Promise<void> {
  const record = network.node(id)?.record;
  if (record === undefined) return;
  const text = String(n).repeat(64);
  const put = (value: NodeRecord, bits: number): Promise<void> => {
    const writes: Write[] = [{ put: 'node', value }];
    return network.save({ writes, changes: [nodeChange(id, bits)] });
  };
  const report = (facts: object): void => {
    pending.push(applyMapFacts(network, record, { ...noFacts, capver: record.capver, ...facts }));
  };
  const hostinfo = (over: object): object => ({ hostinfo: { ...record.hostinfo, ...over } });
  switch (what) {
    case 'remove':
      if (WATCHERS.some((watcher) => watcher.id === id)) return;
      return network.save({ writes: [{ remove: 'node', id }], changes: [{ kind: 'removed', id }] });
    case 'rename':
      return put({ ...record, givenName: `n${n}-${id}` }, What.Whole);
    case 'move':
      return report({ endpoints: { addresses: [`198.51.100.${n}:${id}`], types: [1] } });
    case 'disco':
      return report({ discoKey: parseDiscoKey(`discokey:${text}`) });
    case 'derp':
      return report(hostinfo({ NetInfo: { PreferredDERP: n } }));
    case 'announce':
      return report(hostinfo({ RoutableIPs: n % 3 === 0 ? [] : [ROUTE] }));
    case 'online':
    case 'offline':
      return network.setLive(id, { isOnline: what === 'online' });
    case 'expire':
      return put({ ...record, expiry: clock.now() }, What.Whole);
    case 'rotate': {
      const nodeKey = parseNodeKey(`nodekey:${text.slice(2)}${String(10 + id)}`);
      if (WATCHERS.some((watcher) => watcher.id === id) || network.nodeByKey(nodeKey) !== undefined) return;
      return put({ ...record, nodeKey, expiry: clock.now() + 1e9 }, What.Whole);
    }
    case 'owner':
      return put({ ...record, userId: 1 + (n % 2), tags: [] }, What.Tags);
    case 'tag':
      return put({ ...record, userId: undefined, tags: ['tag:web'] }, What.Tags);
    case 'approve-route':
      return put({ ...record, approvedRoutes: n % 3 === 0 ? [] : [ROUTE] }, What.Routes);
    case 'approve':
      return put({ ...record, approvedAt: clock.now(), disabledAt: undefined }, What.Tags);
    case 'attribute': {
      const ok = { value: 'yes', updatedAt: 0, comment: '', expiresAt: clock.now() + n * 100 };
      return put({ ...record, attributes: n % 3 === 0 ? {} : { 'custom:ok': ok } }, What.Tags);
    }
    case 'update':
      return report(hostinfo({ IPNVersion: `1.82.${n}-t0` }));
    case 'disable':
      return put({ ...record, disabledAt: clock.now() }, What.Tags);
    default:
      throw new Error(what);
  }
}

async function scenario(operations: readonly Operation[]): Promise<void> {
  const scene = await setup();
  const { clock, hub, sinks, pending } = scene;
  for (const one of operations) {
    await act(scene, one);
    if (one.isAlone) await clock.advance(1_000);
  }
  for (const sink of sinks) sink.drain();
  await clock.advance(10_000);
  await Promise.all(pending);
  await clock.advance(1_000);
  for (const [index, sink] of sinks.entries()) {
    // Stalled for so long that it was dropped: its client would begin anew.
    if (sink.state !== 'open') continue;
    const { id, capver } = WATCHERS[index] ?? WATCHERS[0];
    const [client, fresh] = [newClient(), newClient()];
    for (const message of sink.take()) merge(client, message);
    const frame = await hub.oneShot(id, capver, true, true);
    merge(fresh, mapResponse.parse(JSON.parse(zstdDecompressSync(frame.subarray(4)).toString())));
    expect(essence(client)).toEqual(essence(fresh));
  }
  hub.close();
}

const one = (what: Operation['what'], n: number, id: number, isAlone: boolean): Operation => ({
  ...{ what, id, n },
  isAlone,
});
/** A stream that takes nothing loses sight of machines that are shown otherwise, and sees them again before it is told. */
const LOST_AND_FOUND = [one('stall', 1, 1, true), one('policy', 5, 1, true), one('owner', 1, 2, true)];

test('deltas converge to the full map', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 60, size: 'max' }), scenario),
    { numRuns: 40, examples: [[LOST_AND_FOUND]] },
  );
}, 60_000);
