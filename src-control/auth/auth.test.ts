/** Registration: the decision order, keys, codes and machines that wait; without any network. */
import { describe, expect, test } from 'vitest';
import { parseMachineKey, parseNodeKey } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import { registerRequest } from '#shared/wire/register.ts';
import { addAuthKey, expireAuthKey } from '../state/auth-keys.ts';
import { Network } from '../state/network.ts';
import { setExpiry } from '../state/nodes.ts';
import type { Write } from '../store/records.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { decide } from './decide.ts';
import { PENDING_MS, PendingMachines } from './pending.ts';
import { approve, type RegisterDeps, register, type ValidRegister } from './register.ts';
import {
  hashAdminCode,
  mintAdminCode,
  mintAuthKey,
  mintPendingId,
  parseAuthKey,
  sameHash,
} from './secrets.ts';

const TESTER = { origin: 'system', id: '', name: 'test' } as const;
const NEVER = new AbortController().signal;
const PAST = '1970-01-01T00:02:03Z';
const machineKey = parseMachineKey(`mkey:${'a'.repeat(64)}`);
const otherMachine = parseMachineKey(`mkey:${'b'.repeat(64)}`);
const nodeKey = parseNodeKey(`nodekey:${'c'.repeat(64)}`);
const freshKey = parseNodeKey(`nodekey:${'d'.repeat(64)}`);

const request = (over: object = {}): ValidRegister => {
  const parsed = registerRequest.parse({
    Version: 130,
    NodeKey: nodeKey,
    OldNodeKey: `nodekey:${'0'.repeat(64)}`,
    NLKey: `nlpub:${'1'.repeat(64)}`,
    Auth: null,
    Expiry: '0001-01-01T00:00:00Z',
    Followup: '',
    Hostinfo: { Hostname: 'web' },
    ...over,
  });
  if (parsed.NodeKey === undefined) throw new Error('no node key');
  return { ...parsed, NodeKey: parsed.NodeKey };
};

async function setup(options: { node?: object; keyLifetimeMs?: number } = {}) {
  const clock = new FakeClock();
  const store = await openMemoryStore(0);
  const disk = { commits: 0 };
  const commit = async (writes: readonly Write[]): Promise<void> => {
    await store.commit(writes);
    disk.commits += 1;
  };
  const network = await Network.open({
    store: { ...store, commit },
    clock,
    log: silent,
    defer: setImmediate,
  });
  await network.save({
    writes: [
      { put: 'user', value: sampleUser },
      { put: 'user', value: { ...sampleUser, id: 2, name: 'bob' } },
    ],
  });
  if (options.node !== undefined) {
    const { id, write } = network.nextId('node');
    const value = sampleNode(id, { machineKey, nodeKey, expiry: undefined, ...options.node });
    await network.save({ writes: [write, { put: 'node', value }] });
  }
  let ids = 0;
  const deps: RegisterDeps = {
    network,
    pending: new PendingMachines(clock, () => `id-${ids++}`),
    clock,
    log: silent,
    serverUrl: 'http://server',
    keyLifetimeMs: options.keyLifetimeMs ?? 0,
  };
  const caller = { machineKey, remoteAddress: '192.0.2.1' };
  const key = async (over: object = {}) => {
    const minted = mintAuthKey();
    const record = await addAuthKey(
      network,
      {
        prefix: minted.prefix,
        hash: minted.hash,
        userId: 1,
        reusable: false,
        ephemeral: false,
        createdAt: clock.now(),
        expiresAt: clock.now() + 3_600_000,
        ...over,
      },
      TESTER,
    );
    return { text: minted.text, record };
  };
  return { clock, network, deps, caller, key, disk };
}

describe('the decision order of §10.1', () => {
  const known = {};
  const expired = { expiry: Date.UTC(2020, 0, 1) };
  test.each([
    {
      name: 'logout comes first, whatever else is asked',
      node: known,
      ask: { Expiry: PAST, Followup: 'http://x/register/a', Auth: { AuthKey: 'k' } },
      want: 'logout',
    },
    {
      name: 'logout with an offset in its time',
      node: known,
      ask: { Expiry: '1970-01-01T01:02:03+01:00' },
      want: 'logout',
    },
    {
      name: 'logout of an unknown key makes nothing',
      node: undefined,
      ask: { Expiry: PAST },
      want: 'already-out',
    },
    { name: 'a zero time is no logout', node: known, ask: {}, want: 'refresh' },
    {
      name: 'a restart with the auth key of old is a refresh',
      node: known,
      ask: { Auth: { AuthKey: 'used up' } },
      want: 'refresh',
    },
    {
      name: 'a follow-up of one that is in by now is a refresh',
      node: known,
      ask: { Followup: 'http://x/register/a' },
      want: 'refresh',
    },
    { name: 'an expired key without anything must be renewed', node: expired, ask: {}, want: 'key-expired' },
    {
      name: 'an expired key with an auth key may come back',
      node: expired,
      ask: { Auth: { AuthKey: 'k' } },
      want: 'auth-key',
    },
    {
      name: 'a follow-up goes before an auth key',
      node: undefined,
      ask: { Followup: 'http://x/register/a', Auth: { AuthKey: 'k' } },
      want: 'followup',
    },
    { name: 'an auth key', node: undefined, ask: { Auth: { AuthKey: 'k' } }, want: 'auth-key' },
    {
      name: 'an empty auth key is none',
      node: undefined,
      ask: { Auth: { AuthKey: '' } },
      want: 'interactive',
    },
    { name: 'nothing at all', node: undefined, ask: {}, want: 'interactive' },
  ])('$name', async ({ node, ask, want }) => {
    const { network, clock } = await setup(node === undefined ? {} : { node });
    expect(decide(network, request(ask), machineKey, clock.now()).kind).toBe(want);
  });

  test.each([{}, { Expiry: PAST }, { Auth: { AuthKey: 'k' } }, { Followup: 'http://x/y' }])(
    'another machine gets nowhere with a known node key: %j',
    async (ask) => {
      const { network, clock } = await setup({ node: {} });
      expect(decide(network, request(ask), otherMachine, clock.now()).kind).toBe('refuse');
    },
  );

  test.each([
    ['https://other.example/register/abc', 'abc'],
    ['abc', 'abc'],
    ['http://x/register/abc?y=/z#/w', 'abc'],
  ])('the id of %s is its last element', async (Followup, pendingId) => {
    const { network, clock } = await setup();
    expect(decide(network, request({ Followup }), machineKey, clock.now())).toEqual({
      kind: 'followup',
      pendingId,
    });
  });
});

describe('auth keys', () => {
  test('let a machine in, as its owner’s, for the configured time', async () => {
    const { deps, caller, key, clock, network } = await setup({ keyLifetimeMs: 1_000 });
    const { text } = await key();
    const answer = await register(deps, request({ Auth: { AuthKey: text } }), caller, NEVER);
    expect(answer).toMatchObject({
      User: { ID: 1 },
      Login: { LoginName: 'alice' },
      MachineAuthorized: true,
      Error: '',
    });
    expect(network.nodeByKey(nodeKey)?.record).toMatchObject({
      expiry: clock.now() + 1_000,
      registerMethod: 'authkey',
      givenName: 'web',
    });
  });

  test('a one-shot key works once; the machine it let in may show it again', async () => {
    const { deps, caller, key } = await setup();
    const { text } = await key();
    const ask = request({ Auth: { AuthKey: text } });
    await register(deps, ask, caller, NEVER);
    expect((await register(deps, ask, caller, NEVER)).MachineAuthorized).toBe(true);
    const other = { ...caller, machineKey: otherMachine };
    const refused = await register(
      deps,
      request({ NodeKey: freshKey, Auth: { AuthKey: text } }),
      other,
      NEVER,
    );
    expect(refused).toMatchObject({ MachineAuthorized: false, Error: expect.stringMatching(/already used/) });
  });

  test('two machines at once can’t both use a one-shot key', async () => {
    const { deps, caller, key, network } = await setup();
    const { text } = await key();
    const answers = await Promise.all([
      register(deps, request({ Auth: { AuthKey: text } }), caller, NEVER),
      register(
        deps,
        request({ NodeKey: freshKey, Auth: { AuthKey: text } }),
        { ...caller, machineKey: otherMachine },
        NEVER,
      ),
    ]);
    expect(answers.map((one) => one.MachineAuthorized)).toEqual([true, false]);
    expect(network.nodeCount).toBe(1);
  });

  test('expired, ended, unknown and malformed keys are refused in words', async () => {
    const { deps, caller, key, network, clock } = await setup();
    const [late, ended] = [await key({ expiresAt: clock.now() - 1 }), await key()];
    await expireAuthKey(network, ended.record, clock.now(), TESTER);
    const wrongSecret = ended.text.replace(/.$/, (last) => (last === 'x' ? 'y' : 'x'));
    const say = async (AuthKey: string) =>
      (await register(deps, request({ Auth: { AuthKey } }), caller, NEVER)).Error;
    expect(await say(late.text)).toMatch(/auth key expired/);
    expect(await say(ended.text)).toMatch(/auth key expired/);
    for (const text of [wrongSecret, mintAuthKey().text, 'tskey-auth-x-y', '\u0000'])
      expect(await say(text)).toMatch(/invalid auth key/);
    expect(network.nodeCount).toBe(0);
    expect(deps.pending.list()).toEqual([]);
  });

  test('of another user makes a second node of the same machine, with its own addresses', async () => {
    const { deps, caller, key, network } = await setup({ node: {} });
    const { text } = await key({ userId: 2 });
    await register(
      deps,
      request({ NodeKey: freshKey, OldNodeKey: nodeKey, Auth: { AuthKey: text } }),
      caller,
      NEVER,
    );
    expect(network.nodeByKey(nodeKey)?.record.userId).toBe(1);
    expect(network.nodeByKey(freshKey)?.record).toMatchObject({ userId: 2, ipv4: '100.64.0.2' });
  });

  test('of the same user moves the node to its new key, and a locked name stays', async () => {
    const { deps, caller, key, network } = await setup({
      node: { givenName: 'mine', givenNameLocked: true },
    });
    const { text } = await key();
    await register(
      deps,
      request({ NodeKey: freshKey, OldNodeKey: nodeKey, Auth: { AuthKey: text } }),
      caller,
      NEVER,
    );
    expect(network.nodeByKey(nodeKey)).toBeUndefined();
    expect(network.nodeByKey(freshKey)?.record).toMatchObject({
      id: 1,
      ipv4: '100.64.0.1',
      givenName: 'mine',
    });
  });

  test('a wish for an earlier end is granted, for a later one not', async () => {
    const { deps, caller, clock, network } = await setup({ node: {}, keyLifetimeMs: 10_000 });
    const at = (ms: number) => new Date(clock.now() + ms).toISOString();
    await register(deps, request({ Expiry: at(5_000) }), caller, NEVER);
    expect(network.node(1)?.record.expiry).toBe(clock.now() + 5_000);
    await register(deps, request({ Expiry: at(9_000) }), caller, NEVER);
    expect(network.node(1)?.record.expiry).toBe(clock.now() + 5_000);
  });

  test('Hostinfo that is too large is refused before anything is kept', async () => {
    const { deps, caller, key, network } = await setup();
    const { text, record } = await key();
    const Hostinfo = { Hostname: 'x'.repeat(2_000) };
    expect(
      (await register(deps, request({ Auth: { AuthKey: text }, Hostinfo }), caller, NEVER)).Error,
    ).toMatch(/too large/);
    expect(network.authKey(record.id)?.usedAt).toBeUndefined();
  });
});

test('a machine that asks again while it is being written is answered when it is on disk', async () => {
  const { deps, caller, key, disk } = await setup();
  const { text } = await key();
  const before = disk.commits;
  const ask = async (): Promise<{ isIn: boolean; commits: number }> => {
    const answer = await register(deps, request({ Auth: { AuthKey: text } }), caller, NEVER);
    return { isIn: answer.MachineAuthorized, commits: disk.commits };
  };
  const answers = await Promise.all([ask(), ask()]);
  expect(answers).toEqual([
    { isIn: true, commits: before + 1 },
    { isIn: true, commits: before + 1 },
  ]);
});

describe('machines that wait', () => {
  test('get an address, and an answer when they are approved, all of them once', async () => {
    const { deps, caller } = await setup();
    const { AuthURL } = await register(deps, request(), caller, NEVER);
    expect(AuthURL).toBe('http://server/register/id-0');
    const waiting = [1, 2].map(() => register(deps, request({ Followup: AuthURL }), caller, NEVER));
    const machine = deps.pending.get('id-0');
    if (machine === undefined) throw new Error('nothing waits');
    await approve(deps, machine, 2, 'cli');
    for (const answer of await Promise.all(waiting))
      expect(answer).toMatchObject({ User: { ID: 2 }, MachineAuthorized: true });
    expect(deps.pending.get('id-0')).toBeUndefined();
  });

  test('asking again with the same key gives the same address, with another a new one', async () => {
    const { deps, caller } = await setup();
    const ask = async (over: object) => (await register(deps, request(over), caller, NEVER)).AuthURL;
    expect(await ask({})).toBe(await ask({}));
    expect(await ask({ NodeKey: freshKey })).toBe('http://server/register/id-1');
  });

  test('an unknown follow-up, somebody else’s and one that timed out get a new address instead of an error', async () => {
    const { deps, caller, clock } = await setup();
    expect(
      (await register(deps, request({ Followup: 'http://server/register/gone' }), caller, NEVER)).AuthURL,
    ).toMatch(/id-0$/);
    const stranger = { ...caller, machineKey: otherMachine };
    const ask = request({ NodeKey: freshKey, Followup: 'http://server/register/id-0' });
    expect((await register(deps, ask, stranger, NEVER)).AuthURL).toMatch(/id-1$/);
    const waiting = register(deps, request({ Followup: 'http://server/register/id-0' }), caller, NEVER);
    await clock.advance(PENDING_MS + 1);
    expect((await waiting).AuthURL).toMatch(/id-2$/);
  });

  test('a machine that goes away while it waits frees its place among the waiters', async () => {
    const { deps, caller } = await setup();
    await register(deps, request(), caller, NEVER);
    const gone = new AbortController();
    const waiting = register(deps, request({ Followup: 'x/id-0' }), caller, gone.signal);
    gone.abort(new Error('went away'));
    await expect(waiting).rejects.toThrow('went away');
    deps.pending.settle('id-0', { kind: 'refused', text: 'no' });
  });

  test('their number is bounded, per address first', () => {
    let ids = 0;
    const pending = new PendingMachines(new FakeClock(), () => String(ids++));
    const open = (n: number, remoteAddress: string) =>
      pending.open({
        machineKey,
        nodeKey: parseNodeKey(`nodekey:${n.toString(16).padStart(64, '0')}`),
        hostinfo: hostinfo.parse({}),
        capver: 130,
        requestedExpiry: undefined,
        remoteAddress,
      });
    open(1, 'quiet');
    for (let n = 2; n < 500; n++) open(n, 'loud');
    expect(pending.list()).toHaveLength(17);
    expect(pending.list()[0]?.remoteAddress).toBe('quiet');
    for (let n = 500; n < 3_000; n++) open(n, `address-${n}`);
    expect(pending.list()).toHaveLength(1_024);
  });

  test('a node key that got bound elsewhere meanwhile is refused at approval', async () => {
    const { deps, caller, network } = await setup();
    await register(deps, request(), caller, NEVER);
    const value = sampleNode(7, { nodeKey, machineKey: otherMachine });
    await network.save({ writes: [{ put: 'node', value }] });
    const machine = deps.pending.get('id-0');
    if (machine === undefined) throw new Error('nothing waits');
    await expect(approve(deps, machine, 1, 'cli')).rejects.toThrow(/belongs to another machine/);
  });
});

test('an expired machine that is renewed by an administrator’s new date is in again', async () => {
  const { deps, caller, network, clock } = await setup({ node: { expiry: 1 } });
  expect((await register(deps, request(), caller, NEVER)).NodeKeyExpired).toBe(true);
  await setExpiry(network, sampleNode(1, { machineKey, nodeKey }), clock.now() + 1_000);
  expect((await register(deps, request(), caller, NEVER)).MachineAuthorized).toBe(true);
});

describe('secrets', () => {
  test('an auth key is found by its prefix and proved by its hash', () => {
    const minted = mintAuthKey();
    expect(minted.text).toMatch(/^rhkey-auth-[0-9A-Za-z]{12}-[0-9A-Za-z]{64}$/);
    const parsed = parseAuthKey(` ${minted.text}\n`);
    expect(parsed?.prefix).toBe(minted.prefix);
    expect(sameHash(parsed?.hash ?? new Uint8Array(), minted.hash)).toBe(true);
    expect(sameHash(minted.hash, minted.hash.subarray(1))).toBe(false);
  });

  test('a code may be typed in any case, with any spacing, with the usual mix-ups', () => {
    const { text, hash } = mintAdminCode();
    const sloppy = text.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l');
    expect(hashAdminCode(sloppy)).toEqual(hash);
    expect(hashAdminCode('nonsense')).toBeUndefined();
    expect(hashAdminCode('U'.repeat(16))).toBeUndefined();
  });

  test('the id of a waiting machine has 24 random characters', () =>
    expect(mintPendingId()).toMatch(/^rhkey-authreq-[0-9A-Za-z]{24}$/));
});
