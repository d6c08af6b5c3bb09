/** Nobody reaches above themselves: not by keys in another's name, by roles they hand out, or by machines of those above. */
import { describe, expect, test } from 'vitest';
import { RhumbError } from '#shared/errors.ts';
import { proveApiKey } from '../auth/api-keys.ts';
import { freeName } from '../state/nodes.ts';
import { suspendUser } from '../state/users.ts';
import { sampleIdentity, sampleRecords } from '../store/sample-records.ts';
import { type AdminLab, adminLab } from '../testing/admin-lab.ts';
import { type Caller, callerOfKey, LOCAL } from './caller.ts';
import type { CallArg, CallName } from './calls.ts';

const HOUR = 3_600_000;
const key = { reusable: false, ephemeral: false, expirationMs: HOUR };

const refuse = async <K extends CallName>(lab: AdminLab, name: K, arg: CallArg<K>, by: Caller) =>
  expect([name, await lab.call(name, arg, by).catch((error: unknown) => error)]).toMatchObject([
    name,
    { code: 'not-allowed' },
  ]);

describe('an administrator', () => {
  test('can’t make a key in the name of an owner, who could then make owners', async () => {
    const lab = await adminLab();
    await lab.user('olga', 'owner');
    const ann = await lab.user('ann', 'admin');
    await refuse(lab, 'apikeys.create', { user: 'olga' }, ann);
    const record = proveApiKey(
      lab.network,
      (await lab.call('apikeys.create', {}, LOCAL)).key,
      lab.clock.now(),
    );
    if (record === undefined) throw new Error('the key does not work');
    await refuse(lab, 'apikeys.create', { user: 'olga' }, callerOfKey(lab.network, record, ''));
    await lab.user('max', 'member');
    expect(await lab.call('apikeys.create', { user: 'max' }, ann)).toMatchObject({ user: 'max' });
    expect(await lab.call('apikeys.create', { user: 'olga' }, LOCAL)).toMatchObject({ user: 'olga' });
  });
});

describe('an IT administrator', () => {
  test('gives no role that may do what they may not', async () => {
    const lab = await adminLab();
    const ivan = await lab.user('ivan', 'it-admin');
    await lab.user('max', 'member');
    for (const role of ['network-admin', 'admin', 'owner'] as const) {
      await refuse(lab, 'users.role', { user: 'max', role }, ivan);
      await refuse(lab, 'users.role', { user: 'ivan', role }, ivan);
      await refuse(lab, 'users.create', { name: `new-${role}`, role }, ivan);
    }
    expect(await lab.call('users.role', { user: 'max', role: 'auditor' }, ivan)).toMatchObject({
      role: 'auditor',
    });
    const olga = await lab.user('olga', 'owner');
    expect(await lab.call('users.role', { user: 'max', role: 'network-admin' }, olga)).toMatchObject({
      role: 'network-admin',
    });
  });

  test('lets no machine in as one of somebody above', async () => {
    const lab = await adminLab();
    await lab.user('olga', 'owner');
    await lab.user('nora', 'network-admin');
    await lab.user('max', 'member');
    const ivan = await lab.user('ivan', 'it-admin');
    await lab.node(1, { userId: ivan.userId });
    for (const user of ['olga', 'nora']) {
      await refuse(lab, 'preauthkeys.create', { ...key, user }, ivan);
      await refuse(lab, 'nodes.move', { node: '1', user }, ivan);
      await refuse(lab, 'admin-code.create', { user, expirationMs: HOUR }, ivan);
      await refuse(lab, 'users.delete', { user: 'max', moveTo: user }, ivan);
    }
    for (const user of ['max', 'ivan'])
      expect(await lab.call('preauthkeys.create', { ...key, user }, ivan)).toMatchObject({
        user: { name: user },
      });
    expect(await lab.call('nodes.move', { node: '1', user: 'max' }, ivan)).toMatchObject({ id: 1 });
  });
});

test('a program that is bound to tags makes nothing for a user', async () => {
  const lab = await adminLab();
  await lab.user('max', 'member');
  await lab.node(1, { userId: undefined, tags: ['tag:ci'] });
  const program: Caller = {
    ...{ origin: 'api', id: 'x', name: 'x', scopes: ['devices:core', 'auth_keys'] },
    ...{ userId: undefined, isSelf: false, tags: ['tag:ci'] },
  };
  await refuse(lab, 'nodes.move', { node: '1', user: 'max' }, program);
  await refuse(lab, 'admin-code.create', { user: 'max', expirationMs: HOUR }, program);
});

test('the name that a key fixes is one that a machine can have', async () => {
  const lab = await adminLab();
  await lab.user('max', 'member');
  const make = (hostname: string) => lab.call('preauthkeys.create', { ...key, user: 'max', hostname }, LOCAL);
  for (const bad of ['a.b', 'A', 'a b', '<b>', '-a', 'a\nb', '_acme-challenge'])
    await expect(make(bad)).rejects.toMatchObject({ code: 'bad-argument' });
  expect(await make('registry-1')).toMatchObject({ hostname: 'registry-1' });
});

test('no user is called like the number of another', async () => {
  const lab = await adminLab();
  await expect(lab.call('users.create', { name: '2' }, LOCAL)).rejects.toMatchObject({
    code: 'bad-argument',
  });
  await lab.user('ann', 'member');
  await expect(lab.call('users.rename', { user: 'ann', newName: '17' }, LOCAL)).rejects.toMatchObject({
    code: 'bad-argument',
  });
});

test('who only reads sees where webhooks go, not the part by which anybody writes there', async () => {
  const lab = await adminLab();
  const facts = { id: 1, url: 'https://hooks.chat.example/services/T0/SECRET', provider: 'slack' };
  const value = { ...sampleRecords.webhook, ...facts };
  await lab.network.save({ writes: [{ put: 'webhook', value }] });
  const seenBy = async (by: Caller) => (await lab.call('webhooks.list', {}, by)).map(({ url }) => url);
  expect(await seenBy(await lab.user('ada', 'auditor'))).toEqual(['https://hooks.chat.example/…']);
  expect(await seenBy(await lab.user('ivan', 'it-admin'))).toEqual([facts.url]);
});

test('who may not make owners can’t hand an owner to another provider', async () => {
  const lab = await adminLab();
  const olga = await lab.user('olga', 'owner');
  const ann = await lab.user('ann', 'admin');
  const user = lab.network.user(olga.userId);
  if (user === undefined) throw new Error('no user');
  const value = { ...user, identity: sampleIdentity('olga') };
  await lab.network.save({ writes: [{ put: 'user', value }] });
  const move = { from: value.identity.issuer, to: 'https://mine.example', dry: false };
  await refuse(lab, 'oidc.migrate-issuer', move, ann);
  expect(lab.network.user(olga.userId)?.identity?.issuer).toBe(move.from);
  expect(await lab.call('oidc.migrate-issuer', move, olga)).toMatchObject({ written: true });
});

test('a provider that turns somebody away does not take back what an administrator did', async () => {
  const lab = await adminLab();
  const max = await lab.user('max', 'member');
  await lab.call('users.suspend', { user: 'max' }, LOCAL);
  const user = lab.network.user(max.userId);
  if (user === undefined) throw new Error('no user');
  const by = { origin: 'oidc', id: 'test', name: 'Test ID' } as const;
  await suspendUser(lab.network, user, { endsAt: 1, by: 'provider' }, 1, by);
  expect(lab.network.user(max.userId)?.suspendedBy).toBe('admin');
});

test('members fill no disk with keys', async () => {
  const lab = await adminLab();
  const max = await lab.user('max', 'member');
  const make = () =>
    lab.call('my.key-create', { reusable: false, ephemeral: false, expirationMs: 1 }, max).then(
      () => 'made',
      (error: unknown) => (error instanceof RhumbError ? error.code : 'failed'),
    );
  const made: string[] = [];
  for (let n = 0; n < 120; n++) made.push(await make());
  expect(new Set(made)).toEqual(new Set(['made', 'unavailable']));
  await lab.clock.advance(25 * HOUR);
  expect(await make()).toBe('made');
});

test('no machine calls itself like a record of an administrator', async () => {
  const lab = await adminLab();
  const max = await lab.user('max', 'member');
  await lab.node(1, { userId: max.userId });
  await lab.call('dns.records.add', { name: 'git.lab.test', value: '192.0.2.80' }, LOCAL);
  await expect(lab.call('my.node-rename', { node: '1', newName: 'git' }, max)).rejects.toMatchObject({
    code: 'conflict',
  });
  expect(freeName(lab.network, 'git', 2)).toBe('git-1');
  expect(freeName(lab.network, 'grafana', 2)).toBe('grafana');
  expect(await lab.call('nodes.rename', { node: '1', newName: 'git' }, LOCAL)).toMatchObject({ name: 'git' });
});
