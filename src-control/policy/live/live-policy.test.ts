/** The policy in force over a real network: what changes there, and what the map streams are told of it. */
import { afterEach, describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { nodeChange, What } from '../../state/changes.ts';
import { applyMapFacts } from '../../state/map-facts.ts';
import { Network } from '../../state/network.ts';
import type { Actor, NodeRecord } from '../../store/records.ts';
import { sampleNode, sampleUser } from '../../store/sample-records.ts';
import { openMemoryStore } from '../../store/sqlite.ts';
import { PolicyBook } from './book.ts';
import { LivePolicy } from './live-policy.ts';
import { Effect } from './view.ts';

const ADMIN: Actor = { origin: 'cli', id: '', name: 'cli' };
const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

async function setup(count: number, policy?: object) {
  const stack = new AsyncDisposableStack();
  open.push(stack);
  const clock = new FakeClock();
  const store = await openMemoryStore(0);
  const network = stack.use(await Network.open({ store, clock, log: silent, defer: setImmediate }));
  for (const [i, name] of ['ada', 'ben'].entries()) {
    const value = { ...sampleUser, id: i + 1, name, identity: undefined };
    await network.save({ writes: [{ put: 'user', value }] });
  }
  const node = async (id: number, over: Partial<NodeRecord> = {}, what: number = What.Whole) => {
    const base: NodeRecord = network.node(id)?.record ?? {
      ...sampleNode(id),
      ...{ userId: 1, tags: [], givenName: `n${id}`, approvedAt: 1, disabledAt: undefined },
      ...{
        approvedRoutes: [],
        attributes: {},
        hostinfo: sampleNode(id).hostinfo,
        ipv4: `100.64.0.${id}`,
        ipv6: `fd7a:115c:a1e0::${id}`,
      },
    };
    await network.save({
      writes: [{ put: 'node', value: { ...base, ...over } }],
      changes: [nodeChange(id, what)],
    });
  };
  for (let id = 1; id <= count; id++) await node(id);
  const book = new PolicyBook({
    network,
    clock,
    log: silent,
    serverUrl: 'https://vpn.test',
    file: undefined,
  });
  const set = async (next: object, more: { ifMatch?: string; isConfirmed?: boolean } = {}, userId?: number) =>
    book.set(
      {
        text: JSON.stringify(next),
        comment: '',
        ifMatch: more.ifMatch,
        isConfirmed: more.isConfirmed ?? true,
      },
      ADMIN,
      userId,
    );
  if (policy !== undefined) await set(policy);
  const live = stack.use(
    new LivePolicy({ network, clock, serverUrl: 'https://vpn.test', inForce: book.inForce }),
  );
  const told = (): void => {
    for (const { record } of network.nodes()) {
      live.peersOf(record.id);
      live.filterOf(record.id);
    }
    live.takeEffects();
  };
  told();
  return { clock, network, book, live, node, set, told };
}

const OWN = { acls: [{ action: 'accept', src: ['autogroup:member'], dst: ['autogroup:self:*'] }] };
const WEB = {
  tagOwners: { 'tag:web': ['ada@'], 'tag:db': ['tag:web'] },
  acls: [{ action: 'accept', src: ['ada@'], dst: ['tag:web:80'] }],
};

describe('without a policy', () => {
  test('everybody sees everybody who is admitted', async () => {
    const { live, node } = await setup(3);
    expect(live.peersOf(1)).toEqual([2, 3]);
    await node(4, { approvedAt: undefined });
    await node(3, { disabledAt: 5 });
    live.settle();
    expect([live.peersOf(1), live.peersOf(3), live.peersOf(4)]).toEqual([[2], [], []]);
    expect(live.filterOf(1)).toMatchObject([{ SrcIPs: ['*'] }]);
    expect(live.sshOf(1)).toBeUndefined();
  });

  test('a machine that joins is one entry, and nobody has to compare a list', async () => {
    const { live, node } = await setup(3);
    await node(4);
    live.settle();
    expect(live.takeEffects()).toMatchObject({ isAll: false, seen: [{ peer: 4, viewers: [1, 2, 3] }] });
    expect(live.peersOf(2)).toEqual([1, 3, 4]);
  });

  test('what means nothing to the policy has no effect, and lists stay the same objects', async () => {
    const { live, node, network } = await setup(3);
    const [peers, filter] = [live.peersOf(1), live.filterOf(1)];
    await node(2, { homeDerp: 7, endpoints: ['192.0.2.1:1'] });
    network.setLive(3, { isOnline: true });
    live.settle();
    expect(live.takeEffects()).toEqual({ isAll: false, nodes: new Map(), seen: [] });
    expect(live.peersOf(1)).toBe(peers);
    expect(live.filterOf(1)).toBe(filter);
  });
});

describe('with a policy', () => {
  test('a tag changes what its machine and those who may reach it are told, and nothing else', async () => {
    const { live, node } = await setup(3, WEB);
    await node(3, { userId: 2 });
    live.settle();
    live.takeEffects();
    await node(2, { userId: undefined, tags: ['tag:web'] }, What.Tags);
    live.settle();
    const { nodes, seen } = live.takeEffects();
    expect(seen).toEqual([{ peer: 2, viewers: [1] }]);
    expect((nodes.get(2) ?? 0) & Effect.Filter).toBe(Effect.Filter);
    expect(nodes.has(3)).toBe(false);
    expect(live.peersOf(1)).toEqual([2]);
    expect(live.filterOf(2)).toHaveLength(1);
  });

  test('an edit names only the machines for which something is different', async () => {
    const { live, node, set, told } = await setup(2, WEB);
    await node(3, { userId: undefined, tags: ['tag:web'] });
    await node(4, { userId: undefined, tags: ['tag:db'] });
    live.settle();
    told();
    const acls = [...WEB.acls, { action: 'accept', src: ['tag:web'], dst: ['tag:db:5432'] }];
    await set({ ...WEB, acls });
    live.settle();
    const { nodes } = live.takeEffects();
    expect([...nodes.keys()].sort()).toEqual([3, 4]);
    expect(nodes.get(3)).toBe(Effect.Peers);
    expect(nodes.get(4)).toBe(Effect.Peers | Effect.Filter);
  });

  test('an attribute counts until it ends', async () => {
    const { live, node, clock } = await setup(2, {
      postures: { 'posture:ok': ["custom:ok == 'yes'"] },
      tagOwners: { 'tag:web': [] },
      acls: [{ action: 'accept', src: ['ada@'], srcPosture: ['posture:ok'], dst: ['tag:web:80'] }],
    });
    await node(2, { userId: undefined, tags: ['tag:web'] });
    const ok = { value: 'yes', updatedAt: 0, expiresAt: clock.now() + 1_000, comment: '' };
    await node(1, { attributes: { 'custom:ok': ok } }, What.Tags);
    live.settle();
    expect(live.peersOf(1)).toEqual([2]);
    await clock.advance(1_001);
    live.settle();
    expect(live.peersOf(1)).toEqual([]);
  });

  test('a machine that reports another version or state is judged anew', async () => {
    const { live, node, network, clock } = await setup(2, {
      postures: { 'posture:ok': ["node:tsVersion >= '1.82.2'", 'node:tsStateEncrypted == true'] },
      tagOwners: { 'tag:web': [] },
      acls: [{ action: 'accept', src: ['ada@'], srcPosture: ['posture:ok'], dst: ['tag:web:80'] }],
    });
    await node(2, { userId: undefined, tags: ['tag:web'] });
    const peersOnceReported = async (facts: object): Promise<readonly number[]> => {
      const record = network.node(1)?.record ?? sampleNode(1);
      const hostinfo = { ...record.hostinfo, ...facts };
      const unchanged = { discoKey: record.discoKey, endpoints: undefined, capver: record.capver };
      const written = applyMapFacts(network, record, { hostinfo, ...unchanged });
      await clock.advance(10_000);
      await written;
      live.settle();
      return live.peersOf(1);
    };
    expect(await peersOnceReported({ IPNVersion: '1.82.1', StateEncrypted: true })).toEqual([]);
    expect(await peersOnceReported({ IPNVersion: '1.82.2' })).toEqual([2]);
    expect(await peersOnceReported({ StateEncrypted: false })).toEqual([]);
  });

  test('tags may be used by their owners, and by the tags that own them', async () => {
    const { live } = await setup(1, WEB);
    expect(live.refusedTags(1, [], ['tag:web', 'tag:db', 'tag:none'])).toEqual(['tag:none']);
    expect(live.refusedTags(2, [], ['tag:web', 'tag:db'])).toEqual(['tag:web', 'tag:db']);
    expect(live.refusedTags(undefined, ['tag:web'], ['tag:db', 'tag:web'])).toEqual([]);
    expect(live.refusedTags(undefined, ['tag:db'], ['tag:web'])).toEqual(['tag:web']);
    expect([live.hasTag('tag:web'), live.hasTag('tag:none')]).toEqual([true, false]);
  });

  test('the first matching entry gives the pool of a machine', async () => {
    const { live } = await setup(1, {
      ...WEB,
      nodeAttrs: [
        { target: ['tag:web'], ipPool: ['100.80.0.0/16'] },
        { target: ['*'], ipPool: ['100.81.0.0/16'] },
      ],
    });
    expect(live.poolsFor({ userId: undefined, tags: ['tag:web'] })).toEqual(['100.80.0.0/16']);
    expect(live.poolsFor({ userId: 1, tags: [] })).toEqual(['100.81.0.0/16']);
  });

  test('a check rule is found for its source, destination and login, with its period', async () => {
    const { live } = await setup(2, {
      ...OWN,
      ssh: [
        {
          ...{ action: 'check', src: ['autogroup:member'], dst: ['autogroup:self'] },
          ...{ users: ['deploy'], checkPeriod: '1h' },
        },
      ],
    });
    expect(live.sshCheckOf(1, 2, 'deploy')).toEqual({ periodMs: 3_600_000 });
    expect(live.sshCheckOf(1, 2, 'root')).toBeUndefined();
    expect(live.sshVersion).toMatch(/^[0-9a-f]{16}$/);
  });
});

test('a machine that is let in while the policy changes is told everything', async () => {
  const { live, node, set } = await setup(2, OWN);
  await node(2, { approvedAt: undefined }, What.Tags);
  live.settle();
  expect(live.peersOf(2)).toEqual([]);
  live.takeEffects();
  await node(2, { approvedAt: 5 }, What.Tags);
  await set({ ...OWN, groups: {} });
  live.settle();
  expect(live.takeEffects().nodes.get(2)).toBe(31);
  expect(live.peersOf(2)).toEqual([1]);
});

const routing = (routes: readonly string[]): Partial<NodeRecord> => ({
  hostinfo: { ...sampleNode(1).hostinfo, RoutableIPs: [...routes] },
  approvedRoutes: routes,
});

test('who sees a router hears that it is none any more, also when the policy changes with it', async () => {
  const { live, node, set } = await setup(2, {});
  await node(2, routing(['0.0.0.0/0', '::/0']), What.Routes);
  live.settle();
  live.takeEffects();
  expect(live.routesOf(1, 2).allowedIps).toContain('0.0.0.0/0');
  await node(2, routing([]), What.Routes);
  await set({ groups: {} });
  live.settle();
  expect((live.takeEffects().nodes.get(1) ?? 0) & Effect.Routes).toBe(Effect.Routes);
});

test('who sees a machine hears of the capabilities that it shows to others', async () => {
  const { live, set } = await setup(2, {});
  await set({ nodeAttrs: [{ target: ['100.64.0.2'], attr: ['dns-subdomain-resolve'] }] });
  live.settle();
  expect(live.takeEffects().seen).toEqual([{ peer: 2, viewers: [1] }]);
  expect(live.peerCapMapOf(1, 2)).toEqual({ 'dns-subdomain-resolve': null });
});

test('a policy that takes the IPv4 addresses away concerns every machine itself', async () => {
  const { live, set } = await setup(2, {});
  await set({ disableIPv4: true });
  live.settle();
  const { nodes, seen } = live.takeEffects();
  expect([...nodes.values()].every((effect) => (effect & Effect.Caps) !== 0)).toBe(true);
  expect([...nodes.keys()].sort()).toEqual([1, 2]);
  expect(seen.map(({ peer }) => peer)).toEqual([1, 2]);
});

test('a router lets nobody in any more by a rule that has lost its last source', async () => {
  const { live, node, told } = await setup(1, {
    tagOwners: { 'tag:exit': [] },
    postures: { 'posture:ok': ["custom:ok == 'yes'"] },
    grants: [
      {
        ...{ src: ['ada@'], srcPosture: ['posture:ok'], dst: ['10.1.0.0/16'] },
        ...{ via: ['tag:exit'], ip: ['*'] },
      },
    ],
  });
  const ok = { value: 'yes', updatedAt: 0, comment: '' };
  await node(1, { attributes: { 'custom:ok': ok } }, What.Tags);
  await node(2, { userId: undefined, tags: ['tag:exit'], ...routing(['10.1.0.0/16']) });
  live.settle();
  told();
  expect(live.filterOf(2)).toHaveLength(1);
  await node(1, { attributes: {} }, What.Tags);
  live.settle();
  expect((live.takeEffects().nodes.get(2) ?? 0) & Effect.Filter).toBe(Effect.Filter);
  expect(live.filterOf(2)).toEqual([]);
});

describe('versions', () => {
  test('an edit of a version that is over is a conflict, and changes nothing', async () => {
    const { book, set } = await setup(1, WEB);
    const before = book.newest;
    await expect(set(OWN, { ifMatch: 'x' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(set(OWN, { ifMatch: 'ts-default' })).rejects.toMatchObject({ code: 'conflict' });
    expect(book.newest).toBe(before);
    expect((await set(OWN, { ifMatch: before?.sha256 ?? '' })).record?.id).toBe(2);
    expect(book.versions.map(({ id }) => id)).toEqual([2, 1]);
  });

  test('errors and failing tests block', async () => {
    const { book, set } = await setup(1, WEB);
    const bad = await set({ ...WEB, acls: [{ action: 'accept', src: ['tag:wbe'], dst: ['*:*'] }] });
    expect([bad.record, bad.errors[0]?.code]).toEqual([undefined, 'policy/undefined-tag']);
    const failing = await set({ ...OWN, tests: [{ src: 'ada@', accept: ['100.64.0.77:22'] }] });
    expect([failing.record, failing.errors[0]?.code]).toEqual([undefined, 'policy/tests-failed']);
    expect(book.versions).toHaveLength(1);
  });

  test('who would shut themselves out is asked first', async () => {
    const { book, set } = await setup(3, OWN);
    const asked = await set({ acls: [] }, { isConfirmed: false }, 1);
    expect(asked.record).toBeUndefined();
    expect(asked.concerns).toEqual([
      'your own machines would no longer reach n2, n3, n1',
      'no machine would reach any other any more',
    ]);
    expect((await set({ acls: [] }, { isConfirmed: true }, 1)).record?.id).toBe(2);
    expect((await set({}, { isConfirmed: false })).concerns[0]).toMatch(/every machine would reach/);
    expect(book.newest?.id).toBe(2);
  });

  test('a stored version that cannot be read leaves the one before in force, and says so', async () => {
    const { book, live, network } = await setup(2, OWN);
    const broken = { id: 2, text: '{"acls": 7}', sha256: 'x', author: 'import', comment: '', createdAt: 0 };
    await network.save({ writes: [{ put: 'policy', value: broken }], changes: [{ kind: 'policy' }] });
    live.settle();
    expect(live.peersOf(1)).toEqual([2]);
    expect(book.problem).toBe("version 2 of the policy can't be read: version 1 is in force");
  });

  test('where no stored version can be read, nobody reaches anybody', async () => {
    const { live, network, book } = await setup(2);
    const broken = { id: 1, text: '{', sha256: 'x', author: 'import', comment: '', createdAt: 0 };
    await network.save({ writes: [{ put: 'policy', value: broken }], changes: [{ kind: 'policy' }] });
    live.settle();
    expect([live.peersOf(1), live.filterOf(1)]).toEqual([[], []]);
    expect(book.problem).toMatch(/nobody reaches anybody/);
  });
});
