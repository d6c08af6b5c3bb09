/** What administrators do to machines: each has its effect, its change for the streams, and its line in the audit log. */
import { describe, expect, test } from 'vitest';
import { parsePrefix } from '#shared/ip/address.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import type { AuditEntry, NodeRecord } from '../store/records.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { type AddressPlan, DEFAULT_PLAN } from './addresses.ts';
import { backfill } from './backfill.ts';
import { type Change, nodeChange, What } from './changes.ts';
import { watchEphemeral } from './ephemeral.ts';
import { watchExpiry } from './expiry.ts';
import { watchInactive } from './inactive.ts';
import { applyMapFacts } from './map-facts.ts';
import { Network } from './network.ts';
import { expireNode, removeNode, renameNode, setAdmittance, setExpiryDisabled, unlockName } from './nodes.ts';
import { moveNode, parseTags, setAddresses, setAttribute, tagNode } from './ownership.ts';

const BY = { origin: 'console', id: '7', name: 'carol' } as const;
const BOB = { ...sampleUser, id: 2, name: 'bob' };

async function setup(nodes: readonly NodeRecord[], plan?: AddressPlan) {
  const clock = new FakeClock();
  const store: Store = await openMemoryStore(0);
  const open = (addresses: AddressPlan = DEFAULT_PLAN) =>
    Network.open({ store, clock, log: silent, defer: setImmediate, addresses });
  const network = await open(plan);
  await network.save({
    writes: [
      { put: 'user', value: sampleUser },
      { put: 'user', value: BOB },
      ...nodes.map((value) => ({ put: 'node', value }) as const),
    ],
  });
  const audit: AuditEntry[] = [];
  const heard: Change[] = [];
  network.subscribeAudit((entries) => audit.push(...entries));
  network.subscribe((changes) => heard.push(...changes));
  const record = (id: number): NodeRecord => {
    const found = network.node(id)?.record;
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  };
  return { clock, network, audit, heard, record, open };
}

test('a chosen name stays, and unlocked it follows the host name again', async () => {
  const { network, record, audit } = await setup([sampleNode(1), sampleNode(2, { hostname: 'Host 1' })]);
  await renameNode(network, record(2), 'build', BY);
  expect(record(2)).toMatchObject({ givenName: 'build', givenNameLocked: true });
  await unlockName(network, record(2), BY);
  expect(record(2)).toMatchObject({ givenName: 'host-1-1', givenNameLocked: false });
  expect(audit.map(({ action, target, old, new: is }) => [action, target.property, old, is])).toEqual([
    ['update', 'name', 'host-2', 'build'],
    ['update', 'name', 'build', 'host-1-1'],
  ]);
  expect(audit[0]?.actor).toEqual(BY);
  await expect(renameNode(network, record(2), 'host-1', BY)).rejects.toThrow(/belongs to node 1/);
  await expect(renameNode(network, record(2), 'No Label', BY)).rejects.toThrow(/can't be a machine name/);
});

describe('owners', () => {
  test('tags take the owner and the end away; a user takes the tags away', async () => {
    const { network, record, heard } = await setup([sampleNode(1)]);
    await tagNode(network, record(1), parseTags(['tag:b', 'tag:a', 'tag:b']), BY);
    expect(record(1)).toMatchObject({ userId: undefined, tags: ['tag:a', 'tag:b'], expiry: undefined });
    expect(heard.at(-1)).toEqual(nodeChange(1, What.Whole | What.Tags));
    await moveNode(network, record(1), BOB, BY);
    expect(record(1)).toMatchObject({ userId: 2, tags: [], ipv4: '100.64.0.1', approvedRoutes: [] });
  });

  test('the last tag can’t be taken, a machine must belong to somebody', async () => {
    const { network, record } = await setup([sampleNode(1)]);
    await expect(tagNode(network, record(1), [], BY)).rejects.toThrow(/nodes move/);
  });

  test('a machine is in the network once per owner', async () => {
    const twin = sampleNode(2, { machineKey: sampleNode(1).machineKey, userId: 2 });
    const { network, record } = await setup([sampleNode(1), twin]);
    await expect(moveNode(network, record(1), BOB, BY)).rejects.toThrow(
      /already node 2 \(host-2\) of user bob/,
    );
    await tagNode(network, record(1), ['tag:a'], BY);
    await expect(tagNode(network, record(2), ['tag:b'], BY)).rejects.toThrow(/already node 1/);
  });

  test.each(['a', 'tag:', 'tag:1', 'tag:a b', 'group:a', `tag:${'x'.repeat(99)}`])('%j is no tag', (text) => {
    expect(() => parseTags([text])).toThrow(/is not a tag/);
  });
});

test('approval, its withdrawal, disabling and enabling are told whole, once each', async () => {
  const { network, record, heard, audit } = await setup([sampleNode(1, { approvedAt: undefined })]);
  for (const to of ['approved', 'approved', 'disabled', 'enabled', 'enabled', 'waiting'] as const)
    await setAdmittance(network, record(1), to, BY);
  expect(audit.map(({ action }) => action)).toEqual(['approve', 'disable', 'enable', 'unapprove']);
  expect(heard).toEqual(Array.from({ length: 4 }, () => nodeChange(1, What.Whole | What.Tags)));
});

test('a key that never ends by order ends again by order', async () => {
  const { network, record, clock } = await setup([sampleNode(1)]);
  await setExpiryDisabled(network, record(1), true, undefined, BY);
  expect(record(1)).toMatchObject({ keyExpiryDisabled: true, expiry: undefined });
  const ends = clock.now() + 1_000;
  await setExpiryDisabled(network, record(1), false, ends, BY);
  expect(record(1)).toMatchObject({ keyExpiryDisabled: false, expiry: ends });
});

describe('addresses', () => {
  test('chosen ones are taken, those before rest, and the next machine gets neither', async () => {
    const { network, record, clock } = await setup([sampleNode(1), sampleNode(2)]);
    await setAddresses(network, record(1), { ipv4: '100.64.0.9' }, BY);
    expect(record(1)).toMatchObject({ ipv4: '100.64.0.9', ipv6: 'fd7a:115c:a1e0::1' });
    await expect(setAddresses(network, record(2), { ipv4: '100.64.0.9' }, BY)).rejects.toThrow(
      /another machine/,
    );
    await expect(setAddresses(network, record(2), { ipv4: '10.0.0.1' }, BY)).rejects.toThrow(/outside/);
    expect(network.addresses.take('ipv4', clock.now(), ['100.64.0.1/32', '100.64.0.20/32'])).toBe(
      '100.64.0.20',
    );
  });

  test('of a deleted machine rest for a day, also over a restart; of an ephemeral one not at all', async () => {
    const { network, record, clock, open } = await setup([sampleNode(1), sampleNode(2, { ephemeral: true })]);
    await removeNode(network, record(1), BY);
    await removeNode(network, record(2), BY);
    expect([...network.freedAddresses.values()].map(({ address }) => address)).toEqual([
      '100.64.0.1',
      'fd7a:115c:a1e0::1',
    ]);
    const again = await open();
    expect(again.addresses.take('ipv4', clock.now(), ['100.64.0.1/32', '100.64.0.2/32'])).toBe('100.64.0.2');
    await clock.advance(24 * 3_600_000);
    expect(again.addresses.take('ipv4', clock.now(), ['100.64.0.1/32'])).toBe('100.64.0.1');
  });

  test('what rested long enough is forgotten with the next machine that goes', async () => {
    const { network, record, clock } = await setup([sampleNode(1), sampleNode(2)]);
    await removeNode(network, record(1), BY);
    await clock.advance(25 * 3_600_000);
    await removeNode(network, record(2), BY);
    expect([...network.freedAddresses.values()].map(({ address }) => address)).toEqual([
      '100.64.0.2',
      'fd7a:115c:a1e0::2',
    ]);
  });

  test('of other prefixes are filled in on demand: first shown, then done', async () => {
    const v4 = [parsePrefix('100.70.0.0/16')].filter((one) => one !== undefined);
    const { network, record, audit } = await setup([sampleNode(1), sampleNode(2)], { ...DEFAULT_PLAN, v4 });
    const shown = await backfill(network, false, BY);
    expect(shown.map(({ ipv4 }) => ipv4)).toEqual(['100.70.0.1', '100.70.0.2']);
    expect([record(1).ipv4, audit.length]).toEqual(['100.64.0.1', 0]);
    await backfill(network, true, BY);
    const now = [record(1).ipv4, record(2).ipv4];
    expect(now.every((text) => text.startsWith('100.70.0.'))).toBe(true);
    expect(new Set(now).size).toBe(2);
    expect(record(1).ipv6).toBe('fd7a:115c:a1e0::1');
    expect(await backfill(network, true, BY)).toEqual([]);
  });
});

test('an address of the policy’s pool is not filled in anew, and a lack of the others costs none', async () => {
  const v4 = [parsePrefix('100.70.0.0/30')].filter((one) => one !== undefined);
  const v6 = [parsePrefix('fd7a:115c:a1e0:9::/126')].filter((one) => one !== undefined);
  const nodes = [sampleNode(1, { ipv4: '100.99.0.7' }), sampleNode(2), sampleNode(3)];
  const { network } = await setup(nodes, { ...DEFAULT_PLAN, v4, v6 });
  const pools = ({ id }: NodeRecord) => (id === 1 ? ['100.99.0.0/24'] : undefined);
  await expect(backfill(network, true, BY, pools)).rejects.toThrow(/every address/);
  await removeNode(network, nodes[2] ?? sampleNode(3));
  const moved = await backfill(network, true, BY, pools);
  expect(moved.map(({ record, ipv4 }) => [record.id, ipv4])).toEqual([
    [1, '100.99.0.7'],
    [2, expect.stringMatching(/^100\.70\.0\.[12]$/)],
  ]);
});

describe('attributes', () => {
  test('are set, replaced, taken away, and told to the policy', async () => {
    const { network, record, heard, clock } = await setup([sampleNode(1)]);
    const expiresAt = clock.now() + 1_000;
    await setAttribute(
      network,
      record(1),
      { key: 'custom:tier', value: 'gold', expiresAt, comment: 'paid' },
      BY,
    );
    expect(record(1).attributes['custom:tier']).toMatchObject({ value: 'gold', expiresAt, comment: 'paid' });
    expect(heard).toEqual([nodeChange(1, What.Tags)]);
    await setAttribute(network, record(1), { key: 'custom:tier', value: undefined }, BY);
    expect(record(1).attributes).toEqual({});
  });

  test.each([
    [{ key: 'node:os', value: 'linux' }, /write custom:name/],
    [{ key: 'custom:__proto__', value: 1 }, /write custom:name/],
    [{ key: 'custom:a', value: 'x'.repeat(257) }, /longer than 256/],
    [{ key: 'custom:a', value: 1, expiresAt: 1 }, /end in the past/],
  ])('%j is refused', async (change, why) => {
    const { network, record } = await setup([sampleNode(1)]);
    await expect(setAttribute(network, record(1), change, BY)).rejects.toThrow(why);
  });

  test('that end are told to the policy at that moment', async () => {
    const { network, record, heard, clock } = await setup([sampleNode(1, { expiry: undefined })]);
    const stop = watchExpiry(network, clock, silent);
    await setAttribute(network, record(1), { key: 'custom:a', value: 1, expiresAt: clock.now() + 7_000 }, BY);
    heard.length = 0;
    await clock.advance(6_999);
    expect(heard).toEqual([]);
    await clock.advance(1);
    expect(heard).toEqual([nodeChange(1, What.Tags)]);
    stop();
  });

  test('are bounded in number', async () => {
    const { network, record } = await setup([sampleNode(1)]);
    for (let n = 0; n < 64; n++)
      await setAttribute(network, record(1), { key: `custom:a${n}`, value: n }, BY);
    await expect(setAttribute(network, record(1), { key: 'custom:b', value: 1 }, BY)).rejects.toThrow(
      /64 attributes/,
    );
  });
});

test('routes that a machine can’t have are named, the others announced', async () => {
  const { network, record, heard } = await setup([sampleNode(1)]);
  const facts = {
    ...{ discoKey: undefined, endpoints: undefined, capver: 130 },
    hostinfo: hostinfo.parse({ Hostname: 'Host 1', OS: 'linux', RoutableIPs: ['10.0.0.0/8'] }),
  };
  await applyMapFacts(network, record(1), { ...facts, refusedRoutes: ['100.64.0.0/10 overlaps'] });
  expect(record(1).hostinfo.RoutableIPs).toEqual(['10.0.0.0/8']);
  expect(network.node(1)?.refusedRoutes).toEqual(['100.64.0.0/10 overlaps']);
  expect(heard).toContainEqual(nodeChange(1, What.Notice));
  const news = heard.find((change) => change.kind === 'node' && change.what & What.Routes);
  expect(news).toBeDefined();
});

describe('clock jumps', () => {
  test('forward: keys that are over by now are announced within seconds', async () => {
    const { network, clock, heard } = await setup([]);
    await network.save({
      writes: [{ put: 'node', value: sampleNode(1, { expiry: clock.now() + 86_400_000 }) }],
    });
    const stop = watchExpiry(network, clock, silent);
    heard.length = 0;
    clock.stepWall(2 * 86_400_000);
    await clock.advance(5_000);
    expect(heard).toEqual([nodeChange(1, What.Whole)]);
    stop();
  });

  test('back: machines that were out too early are in again, and out at their time', async () => {
    const { network, clock, heard } = await setup([]);
    await network.save({ writes: [{ put: 'node', value: sampleNode(1, { expiry: clock.now() + 60_000 }) }] });
    const stop = watchExpiry(network, clock, silent);
    clock.stepWall(3_600_000);
    await clock.advance(6_000);
    expect(heard).toHaveLength(1);
    clock.stepWall(-3_600_000);
    await clock.advance(6_000);
    expect(heard).toHaveLength(2);
    await clock.advance(60_000);
    expect(heard).toHaveLength(3);
    stop();
    expect(clock.pending).toBe(0);
  });

  test('back: attributes that were over too early hold again, and end at their time', async () => {
    const { network, clock, heard, record } = await setup([sampleNode(1, { expiry: undefined })]);
    const stop = watchExpiry(network, clock, silent);
    const expiresAt = clock.now() + 60_000;
    await setAttribute(network, record(1), { key: 'custom:a', value: 1, expiresAt }, BY);
    clock.stepWall(3_600_000);
    await clock.advance(6_000);
    heard.length = 0;
    clock.stepWall(-3_600_000);
    await clock.advance(6_000);
    expect(heard).toEqual([nodeChange(1, What.Tags)]);
    await clock.advance(60_000);
    expect(heard).toEqual([nodeChange(1, What.Tags), nodeChange(1, What.Tags)]);
    stop();
  });

  test('delete no ephemeral machine: its time is not the wall clock’s', async () => {
    const { network, clock } = await setup([sampleNode(1, { ephemeral: true })]);
    const watch = watchEphemeral(network, clock, silent, 120_000);
    clock.stepWall(365 * 86_400_000);
    await clock.advance(60_000);
    expect(network.node(1)).toBeDefined();
    await clock.advance(61_000);
    expect(network.node(1)).toBeUndefined();
    watch[Symbol.dispose]();
  });
});

test('an ephemeral machine that signs in again has all of its time to come', async () => {
  const { network, clock, record } = await setup([sampleNode(1, { ephemeral: true })]);
  const watch = watchEphemeral(network, clock, silent, 120_000);
  await clock.advance(100_000);
  await network.save({
    writes: [{ put: 'node', value: record(1) }],
    changes: [nodeChange(1, What.Key | What.Expiry)],
  });
  await clock.advance(100_000);
  expect(network.node(1)).toBeDefined();
  await clock.advance(21_000);
  expect(network.node(1)).toBeUndefined();
  watch[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});

test('machines that nobody has seen for long go where that is wanted, with a line in the log', async () => {
  const { network, clock, audit } = await setup([]);
  const now = clock.now();
  const seen = (id: number, lastSeen: number | undefined, createdAt = now) =>
    sampleNode(id, { lastSeen, createdAt });
  const day = 86_400_000;
  await network.save({
    writes: [
      seen(1, now - 40 * day),
      seen(2, now - day),
      seen(3, undefined, now - 40 * day),
      seen(4, now - 40 * day),
    ].map((value) => ({ put: 'node', value }) as const),
  });
  network.setLive(4, { isOnline: true });
  const stop = watchInactive(network, clock, silent, () => 30 * day);
  await clock.advance(3_600_000);
  expect([...network.nodes()].map(({ record }) => record.id)).toEqual([2, 4]);
  expect(audit.map(({ action, actor }) => [action, actor.origin])).toEqual([
    ['delete', 'system'],
    ['delete', 'system'],
  ]);
  stop();
  expect(clock.pending).toBe(0);
});

test('a key that ends is told of once, however often its machine changed before', async () => {
  const { network, clock, heard, record } = await setup([]);
  await network.save({ writes: [{ put: 'node', value: sampleNode(1, { expiry: clock.now() + 60_000 }) }] });
  const stop = watchExpiry(network, clock, silent);
  for (const name of ['a', 'b', 'c']) await renameNode(network, record(1), name, BY);
  heard.length = 0;
  await clock.advance(61_000);
  expect(heard).toEqual([nodeChange(1, What.Whole)]);
  stop();
});

test('expired is told at once, and only the first time', async () => {
  const { network, clock, record, heard, audit } = await setup([]);
  await network.save({ writes: [{ put: 'node', value: sampleNode(1, { expiry: undefined }) }] });
  await expireNode(network, record(1), clock.now(), BY);
  await expireNode(network, record(1), clock.now(), BY);
  expect(heard).toEqual([nodeChange(1, What.Whole)]);
  expect(audit.map(({ action }) => action)).toEqual(['expire']);
});
