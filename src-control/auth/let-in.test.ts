/** Letting machines in: tags, keys of every kind, who owns what after a second sign-in, fixed addresses, approval. */
import { describe, expect, test } from 'vitest';
import { parseMachineKey, parseNodeKey } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { registerRequest } from '#shared/wire/register.ts';
import { addAuthKey, revokeAuthKey } from '../state/auth-keys.ts';
import { Network } from '../state/network.ts';
import { SYSTEM } from '../state/node-entry.ts';
import { setAdmittance, setExpiryDisabled } from '../state/nodes.ts';
import { tagNode } from '../state/ownership.ts';
import type { AuditEntry, NodeRecord } from '../store/records.ts';
import { sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import type { AdmissionPolicy } from './let-in.ts';
import { PendingMachines } from './pending.ts';
import { approve, type RegisterDeps, register, reject } from './register.ts';
import { mintAuthKey } from './secrets.ts';

const NEVER = new AbortController().signal;
const ALICE = 1;
const BOB = 2;
const mkey = (n: number) => parseMachineKey(`mkey:${n.toString(16).padStart(64, '0')}`);
const nkey = (n: number) => parseNodeKey(`nodekey:${n.toString(16).padStart(64, '0')}`);

/** Alice owns tag:server, nobody else owns anything. */
const policy: AdmissionPolicy = {
  refusedTags: (userId, _current, wanted) => wanted.filter((tag) => userId !== ALICE || tag !== 'tag:server'),
  hasTag: (tag) => tag === 'tag:server' || tag === 'tag:db',
  poolsFor: ({ tags }) => (tags.includes('tag:server') ? ['100.90.0.0/30'] : undefined),
};

async function setup(over: Partial<RegisterDeps> = {}) {
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
      { put: 'user', value: { ...sampleUser, id: BOB, name: 'bob' } },
    ],
  });
  const audit: AuditEntry[] = [];
  network.subscribeAudit((entries) => audit.push(...entries));
  let ids = 0;
  const deps: RegisterDeps = {
    network,
    pending: new PendingMachines(clock, () => `id-${ids++}`),
    clock,
    log: silent,
    serverUrl: 'http://server',
    keyLifetimeMs: 86_400_000,
    policy,
    tailnet: 'rhumb.internal',
    ...over,
  };
  const key = async (facts: object = {}) => {
    const { text, prefix, hash } = mintAuthKey();
    const record = await addAuthKey(
      network,
      {
        ...{ prefix, hash, userId: ALICE, reusable: false, ephemeral: false, createdAt: clock.now() },
        expiresAt: clock.now() + 3_600_000,
        ...facts,
      },
      SYSTEM,
    );
    return { text, record };
  };
  const ask = (machine: number, node: number, facts: object = {}) => {
    const request = registerRequest.parse({
      Version: 130,
      NodeKey: nkey(node),
      OldNodeKey: nkey(0),
      Expiry: '0001-01-01T00:00:00Z',
      Followup: '',
      Hostinfo: { Hostname: 'web' },
      ...facts,
    });
    const caller = { machineKey: mkey(machine), remoteAddress: '192.0.2.1' };
    return register(deps, { ...request, NodeKey: nkey(node) }, caller, NEVER);
  };
  const withKey = (machine: number, node: number, text: string, tags?: readonly string[]) =>
    ask(machine, node, {
      Auth: { AuthKey: text },
      Hostinfo: { Hostname: 'web', ...(tags === undefined ? {} : { RequestTags: tags }) },
    });
  /** Through the page, by somebody who signed in. */
  const signIn = async (machine: number, node: number, userId: number, tags?: readonly string[]) => {
    await ask(machine, node, {
      Hostinfo: { Hostname: 'web', ...(tags === undefined ? {} : { RequestTags: tags }) },
    });
    const waiting = deps.pending.list().find((one) => one.nodeKey === nkey(node));
    if (waiting === undefined) throw new Error('nobody waits');
    return approve(deps, waiting, userId, 'oidc');
  };
  const nodes = (): readonly NodeRecord[] => [...network.nodes()].map(({ record }) => record);
  return { clock, network, deps, audit, key, ask, withKey, signIn, nodes };
}

describe('tags', () => {
  test('of a key make the machine theirs: no owner, no end', async () => {
    const { key, withKey, nodes } = await setup();
    const { text } = await key({ userId: undefined, tags: ['tag:server'] });
    const answer = await withKey(1, 1, text);
    expect(answer).toMatchObject({ MachineAuthorized: true, User: { ID: 2_147_455_555 }, Error: '' });
    expect(nodes()[0]).toMatchObject({ userId: undefined, tags: ['tag:server'], expiry: undefined });
  });

  test('asked for are given where the user may, sorted and once', async () => {
    const { signIn, nodes } = await setup();
    await signIn(1, 1, ALICE, ['tag:server', 'tag:server']);
    expect(nodes()[0]).toMatchObject({ userId: undefined, tags: ['tag:server'], expiry: undefined });
  });

  test.each([
    ['a tag of somebody else', ALICE, ['tag:db']],
    ['one of two', ALICE, ['tag:db', 'tag:server']],
    ['any, by somebody who owns none', BOB, ['tag:server']],
    ['what is no tag', ALICE, ['server']],
    ['what could steer a terminal', ALICE, ['tag:\u001b[2J']],
  ])('%s is refused, and nothing is made', async (_name, userId, tags) => {
    const { signIn, nodes, deps } = await setup();
    await expect(signIn(1, 1, userId, tags)).rejects.toThrow(
      /requested tags \[.*\] are invalid or not permitted/,
    );
    expect(nodes()).toEqual([]);
    expect(deps.pending.list()).toHaveLength(1);
  });

  test('other than the key’s are refused, and the key is not used up', async () => {
    const { key, withKey, nodes, network } = await setup();
    const { text, record } = await key({ tags: ['tag:server'] });
    const answer = await withKey(1, 1, text, ['tag:server', 'tag:db']);
    expect(answer.Error).toBe('requested tags [tag:db] are invalid or not permitted');
    expect(nodes()).toEqual([]);
    expect(network.authKey(record.id)?.useCount).toBe(0);
    expect((await withKey(1, 1, text, ['tag:server'])).Error).toBe('');
  });

  test('with a user’s key are those that the user may give', async () => {
    const { key, withKey, nodes } = await setup();
    const { text } = await key();
    expect((await withKey(1, 1, text, ['tag:db'])).Error).toMatch(/not permitted/);
    await withKey(1, 1, text, ['tag:server']);
    expect(nodes()[0]).toMatchObject({ userId: undefined, tags: ['tag:server'] });
  });

  test('without a policy nobody may ask for any', async () => {
    const { signIn } = await setup({ policy: undefined });
    await expect(signIn(1, 1, ALICE, ['tag:server'])).rejects.toThrow(/not permitted/);
  });
});

describe('a machine that signs in again', () => {
  test('as the same user stays the same node', async () => {
    const { signIn, nodes } = await setup();
    const first = await signIn(1, 1, ALICE);
    const again = await signIn(1, 2, ALICE);
    expect(again).toMatchObject({ id: first.id, ipv4: first.ipv4, nodeKey: nkey(2) });
    expect(nodes()).toHaveLength(1);
  });

  test('as another user is a second node, and the first stays', async () => {
    const { signIn, nodes } = await setup();
    const first = await signIn(1, 1, ALICE);
    const second = await signIn(1, 2, BOB);
    expect(second.id).not.toBe(first.id);
    expect(second.ipv4).not.toBe(first.ipv4);
    expect(nodes().map(({ userId }) => userId)).toEqual([ALICE, BOB]);
  });

  test('with tags turns into theirs in place, and back without them', async () => {
    const { signIn, nodes } = await setup();
    const first = await signIn(1, 1, ALICE);
    const tagged = await signIn(1, 2, ALICE, ['tag:server']);
    expect(tagged).toMatchObject({ id: first.id, userId: undefined, ipv4: first.ipv4, expiry: undefined });
    const back = await signIn(1, 3, BOB);
    expect(back).toMatchObject({ id: first.id, userId: BOB, tags: [], ipv4: first.ipv4 });
    expect(back.expiry).toBeDefined();
    expect(nodes()).toHaveLength(1);
  });

  test('with a key for tags is converted from its one user', async () => {
    const { signIn, key, withKey, nodes } = await setup();
    const first = await signIn(1, 1, ALICE);
    const { text } = await key({ userId: undefined, tags: ['tag:server'] });
    await withKey(1, 2, text);
    expect(nodes()).toMatchObject([{ id: first.id, userId: undefined, tags: ['tag:server'] }]);
  });

  test('with a key for tags while it belongs to two users is refused with words', async () => {
    const { signIn, key, withKey, nodes } = await setup();
    await signIn(1, 1, ALICE);
    await signIn(1, 2, BOB);
    const { text } = await key({ userId: undefined, tags: ['tag:server'] });
    expect((await withKey(1, 3, text)).Error).toMatch(/belongs to several users/);
    expect(nodes()).toHaveLength(2);
  });

  test('with a key keeps tags that an administrator gave it', async () => {
    const { key, withKey, nodes, network } = await setup();
    const { text } = await key({ reusable: true });
    await withKey(1, 1, text);
    const [record] = nodes();
    if (record === undefined) throw new Error('no node');
    await tagNode(network, record, ['tag:db'], SYSTEM);
    expect((await withKey(1, 2, text)).Error).toBe('');
    expect(nodes()).toMatchObject([{ id: record.id, userId: undefined, tags: ['tag:db'], nodeKey: nkey(2) }]);
  });

  test('with a key after it logged out is in again, also where it belongs to tags', async () => {
    const { key, withKey, ask, nodes, clock } = await setup();
    const { text } = await key({ userId: undefined, tags: ['tag:server'], reusable: true });
    await withKey(1, 1, text);
    await clock.advance(60_000);
    await ask(1, 1, { Expiry: '1970-01-01T00:02:03Z' });
    expect(nodes()[0]?.expiry).toBe(clock.now());
    expect(await withKey(1, 2, text)).toMatchObject({ Error: '', NodeKeyExpired: false });
    expect(nodes()).toMatchObject([{ nodeKey: nkey(2), tags: ['tag:server'], expiry: undefined }]);
  });

  test('does not expire where an administrator said so', async () => {
    const { signIn, network } = await setup();
    await setExpiryDisabled(network, await signIn(1, 1, ALICE), true, undefined, SYSTEM);
    expect((await signIn(1, 2, ALICE)).expiry).toBeUndefined();
  });

  test('another’s node key gets it nowhere', async () => {
    const { signIn, key, ask, nodes } = await setup();
    await signIn(1, 1, ALICE);
    const { text } = await key();
    const answer = await ask(9, 1, { Auth: { AuthKey: text } });
    expect(answer.Error).toMatch(/node key belongs to another machine/);
    expect(nodes()).toHaveLength(1);
    expect(nodes()[0]?.machineKey).toBe(mkey(1));
  });
});

describe('auth keys', () => {
  test('work as often as they say', async () => {
    const { key, withKey, nodes, network } = await setup();
    const { text, record } = await key({ reusable: true, maxUses: 2 });
    for (const n of [1, 2]) expect((await withKey(n, n, text)).Error).toBe('');
    expect((await withKey(3, 3, text)).Error).toMatch(/already used 2 times/);
    expect(nodes()).toHaveLength(2);
    expect(network.authKey(record.id)).toMatchObject({ useCount: 2 });
  });

  test('a machine that is here already is no further use of a reusable key', async () => {
    const { key, withKey, network } = await setup();
    const { text, record } = await key({ reusable: true, maxUses: 2 });
    for (const n of [1, 2, 3]) expect((await withKey(1, n, text)).Error).toBe('');
    expect(network.authKey(record.id)?.useCount).toBe(1);
  });

  test('two machines at the same moment can’t both have a one-shot key', async () => {
    const { key, withKey, nodes } = await setup();
    const { text } = await key();
    const answers = await Promise.all([withKey(1, 1, text), withKey(2, 2, text)]);
    expect(answers.filter(({ Error: error }) => error === '')).toHaveLength(1);
    expect(nodes()).toHaveLength(1);
  });

  test('revoked ones let nobody in, and whom they let in stays', async () => {
    const { key, withKey, nodes, network, clock } = await setup();
    const { text, record } = await key({ reusable: true });
    await withKey(1, 1, text);
    await revokeAuthKey(network, record, clock.now(), SYSTEM);
    expect((await withKey(2, 2, text)).Error).toMatch(/revoked/);
    expect((await withKey(1, 1, text)).Error).toBe('');
    expect(nodes()).toHaveLength(1);
  });

  test('give the address and the name that they say', async () => {
    const { key, withKey, nodes } = await setup();
    const { text } = await key({ ipv4: '100.64.7.7', ipv6: 'fd7a:115c:a1e0::77', hostname: 'registry' });
    await withKey(1, 1, text);
    expect(nodes()).toMatchObject([
      { ipv4: '100.64.7.7', ipv6: 'fd7a:115c:a1e0::77', givenName: 'registry', givenNameLocked: true },
    ]);
  });

  test('a container without state takes the place of the one before it, once that is away', async () => {
    const { key, withKey, nodes, network } = await setup();
    const { text } = await key({ reusable: true, ipv4: '100.64.7.7' });
    await withKey(1, 1, text);
    const [first] = nodes();
    network.setLive(first?.id ?? 0, { isOnline: true });
    expect((await withKey(2, 2, text)).Error).toMatch(/100\.64\.7\.7 belongs to another machine/);
    network.setLive(first?.id ?? 0, { isOnline: false });
    expect((await withKey(2, 2, text)).Error).toBe('');
    expect(nodes()).toMatchObject([{ id: first?.id, machineKey: mkey(2), ipv4: '100.64.7.7' }]);
  });

  test('a machine that can’t have them takes no other address with it, however often it asks', async () => {
    const { key, withKey, network } = await setup();
    const first = await key({ ipv6: 'fd7a:115c:a1e0::99', reusable: true });
    await withKey(1, 1, first.text);
    const [holder] = network.nodes();
    if (holder === undefined) throw new Error('no node');
    network.setLive(holder.record.id, { isOnline: true });
    for (let node = 2; node < 12; node++)
      expect((await withKey(2, node, first.text)).Error).toMatch(/belongs to another machine/);
    const other = await key();
    await withKey(3, 20, other.text);
    const addresses = [...network.nodes()].map(({ record }) => record.ipv4);
    expect(addresses).toEqual(['100.64.0.1', '100.64.0.2']);
  });

  test('addresses come from the pool of the policy, and a full pool is said', async () => {
    const { key, withKey, nodes } = await setup();
    const { text } = await key({ reusable: true, userId: undefined, tags: ['tag:server'] });
    for (const n of [1, 2, 3, 4]) await withKey(n, n, text);
    expect(nodes().map(({ ipv4 }) => ipv4)).toEqual(['100.90.0.0', '100.90.0.1', '100.90.0.2', '100.90.0.3']);
    expect((await withKey(5, 5, text)).Error).toMatch(/pool 100\.90\.0\.0\/30 is in use/);
  });
});

describe('device approval', () => {
  const needsApproval = () => true;

  test('a new machine is told to wait, and goes on with its map', async () => {
    const { key, withKey, nodes } = await setup({ needsApproval });
    const { text } = await key();
    expect(await withKey(1, 1, text)).toMatchObject({ MachineAuthorized: false, Error: '', AuthURL: '' });
    expect(nodes()).toMatchObject([{ approvedAt: undefined }]);
  });

  test('not with a key that says so, nor when an administrator let it in', async () => {
    const { key, withKey, ask, deps, nodes } = await setup({ needsApproval });
    const { text } = await key({ isPreapproved: true });
    expect((await withKey(1, 1, text)).MachineAuthorized).toBe(true);
    await ask(2, 2);
    const [waiting] = deps.pending.list();
    if (waiting === undefined) throw new Error('nobody waits');
    await approve(deps, waiting, ALICE, 'cli');
    expect(nodes().every(({ approvedAt }) => approvedAt !== undefined)).toBe(true);
  });

  test('once approved it stays so, also after it signs in again', async () => {
    const { signIn, network, ask } = await setup({ needsApproval });
    await setAdmittance(network, await signIn(1, 1, BOB), 'approved', SYSTEM);
    expect((await signIn(1, 2, BOB)).approvedAt).toBeDefined();
    expect((await ask(1, 2)).MachineAuthorized).toBe(true);
  });

  test('is not handed on to another machine that comes with the key of one place', async () => {
    const { key, withKey, nodes, network } = await setup({ needsApproval });
    const { text } = await key({ reusable: true, ipv4: '100.64.7.7' });
    await withKey(1, 1, text);
    const [first] = nodes();
    if (first === undefined) throw new Error('no node');
    await setAdmittance(network, first, 'approved', SYSTEM);
    expect((await withKey(1, 2, text)).MachineAuthorized).toBe(true);
    expect((await withKey(2, 3, text)).MachineAuthorized).toBe(false);
    expect(nodes()).toMatchObject([{ id: first.id, machineKey: mkey(2), approvedAt: undefined }]);
  });

  test('a disabled machine is not in, whatever it signs in with', async () => {
    const { signIn, network, ask } = await setup();
    await setAdmittance(network, await signIn(1, 1, BOB), 'disabled', SYSTEM);
    await signIn(1, 2, BOB);
    expect((await ask(1, 2)).MachineAuthorized).toBe(false);
  });
});

describe('the network a machine wants', () => {
  test.each([
    ['', ''],
    ['-', ''],
    ['rhumb.internal', ''],
    ['required:Rhumb.Internal', ''],
    ['required:other.example', /this server's network is rhumb\.internal, not other\.example/],
    ['other.example', /not other\.example/],
  ])('%j', async (Tailnet, error) => {
    const { ask } = await setup();
    const answer = await ask(1, 1, { Tailnet });
    expect(answer.Error).toMatch(error);
    expect(answer.AuthURL === '').toBe(error !== '');
  });
});

test('a refused machine is told why, and the log of who did it', async () => {
  const { ask, deps, audit } = await setup();
  await ask(1, 1);
  const [waiting] = deps.pending.list();
  if (waiting === undefined) throw new Error('nobody waits');
  const told = ask(1, 1, { Followup: `http://server/register/${waiting.id}` });
  await reject(deps, waiting, 'not one of ours', { origin: 'console', id: '1', name: 'alice' });
  expect((await told).Error).toBe('not one of ours');
  expect(audit.at(-1)).toMatchObject({
    action: 'reject',
    actor: { name: 'alice' },
    details: 'not one of ours',
  });
});

test('every machine that comes is in the audit log, with the key and without its secret', async () => {
  const { key, withKey, audit } = await setup();
  const { text, record } = await key({ description: 'ci' });
  await withKey(1, 1, text);
  const entry = audit.find(({ action }) => action === 'create' && true);
  const made = audit.find(({ target, action }) => target.type === 'node' && action === 'create');
  expect(entry).toBeDefined();
  expect(made).toMatchObject({
    actor: {
      origin: 'node',
      id: String(record.id),
      name: `auth key ${record.id} (ci)`,
      remoteAddress: '192.0.2.1',
    },
    new: 'alice',
  });
  expect(JSON.stringify(audit)).not.toContain(text.slice(-64));
});
