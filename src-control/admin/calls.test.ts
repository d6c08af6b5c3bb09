/** The one way in: rights, arguments, refusals, and what each kind of caller may hand on. */
import { describe, expect, test } from 'vitest';
import { proveApiKey } from '../auth/api-keys.ts';
import { adminLab } from '../testing/admin-lab.ts';
import { type Caller, callerOfKey, LOCAL } from './caller.ts';
import { calls, carryOutUnknown, isCallName } from './calls.ts';
import { isScope } from './scopes.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const nobody: Caller = { ...LOCAL, origin: 'api', id: 'x', name: 'x', scopes: [] };

describe('carrying out', () => {
  test('every call has a need that there is', () => {
    for (const [name, { scope }] of Object.entries(calls))
      expect([name, scope === 'none' || scope === 'self' || isScope(scope)]).toEqual([name, true]);
  });

  test('names are those of the table only', () => {
    for (const name of ['', 'nodes', 'toString', '__proto__', 'constructor'])
      expect(isCallName(name)).toBe(false);
    expect(isCallName('nodes.list')).toBe(true);
  });

  test('who lacks the scope is refused before the argument is looked at', async () => {
    const lab = await adminLab();
    for (const name of Object.keys(calls)
      .filter(isCallName)
      .filter((one) => calls[one].scope !== 'none'))
      await expect(carryOutUnknown(lab.deps, name, { nonsense: true }, nobody)).rejects.toThrow(
        /^not allowed: /,
      );
  });

  test('an argument is checked, and unknown members are no argument', async () => {
    const lab = await adminLab();
    for (const bad of [undefined, null, [], 'x', {}, { name: 1 }, { name: 'ann', isAdmin: true }])
      await expect(carryOutUnknown(lab.deps, 'users.create', bad, LOCAL)).rejects.toMatchObject({
        code: 'bad-argument',
      });
  });

  test('refusals go to the audit log, one in ten seconds for each caller', async () => {
    const lab = await adminLab();
    const ask = (by: Caller) => lab.call('users.list', {}, by).catch(() => undefined);
    await Promise.all([ask(nobody), ask(nobody), ask({ ...nobody, id: 'y' })]);
    await lab.network.settled();
    expect(lab.audit).toMatchObject([
      { action: 'denied', actor: { origin: 'api', id: 'x' }, target: { type: 'call', id: 'users.list' } },
      { action: 'denied', actor: { id: 'y' } },
    ]);
    await lab.clock.advance(10_000);
    await ask(nobody);
    await lab.network.settled();
    expect(lab.audit).toHaveLength(3);
    expect(lab.deps.refusals.count).toBe(4);
    const rows = await lab.network.auditLog({ limit: 10 });
    expect(Object.keys(rows[0]?.entry.actor ?? {}).sort()).toEqual(['id', 'name', 'origin']);
  });
});

describe('API keys', () => {
  test('open what they were made for until they end', async () => {
    const lab = await adminLab();
    const made = await lab.call('apikeys.create', { scopes: ['dns:read'], expirationMs: HOUR }, LOCAL);
    expect(made).toMatchObject({ key: expect.stringMatching(/^rhkey-api-\w{12}-\w{64}$/), valid: true });
    const now = () => lab.clock.now();
    const record = proveApiKey(lab.network, made.key, now());
    expect(record?.scopes).toEqual(['dns:read']);
    expect(proveApiKey(lab.network, made.key.replace('rhkey', 'tskey'), now())).toBe(record);
    for (const wrong of [
      made.key.replace(/.$/, (last) => (last === 'x' ? 'y' : 'x')),
      made.key.replace('-api-', '-client-'),
      made.key.replace('-api-', '-auth-'),
      made.key.slice(0, -1),
      '',
    ])
      expect(proveApiKey(lab.network, wrong, now())).toBeUndefined();
    await lab.clock.advance(HOUR);
    expect(proveApiKey(lab.network, made.key, now())).toBeUndefined();
  });

  test('are listed without their secret, expired and deleted', async () => {
    const lab = await adminLab();
    const made = await lab.call('apikeys.create', { description: 'terraform' }, LOCAL);
    const listed = await lab.call('apikeys.list', {}, LOCAL);
    expect(listed).toMatchObject([{ description: 'terraform', scopes: ['all'], user: null }]);
    expect(JSON.stringify([listed, lab.audit])).not.toContain(made.key.slice(-64));
    expect(await lab.call('apikeys.expire', { key: made.prefix }, LOCAL)).toMatchObject({ valid: false });
    expect(proveApiKey(lab.network, made.key, lab.clock.now())).toBeUndefined();
    await lab.call('apikeys.delete', { key: made.key }, LOCAL);
    expect(await lab.call('apikeys.list', {}, LOCAL)).toEqual([]);
    await expect(lab.call('apikeys.delete', { key: made.key }, LOCAL)).rejects.toThrow(/no such API key/);
    expect(lab.audit.map(({ action, target }) => `${action} ${target.type}`)).toEqual([
      'create api-key',
      'expire api-key',
      'delete api-key',
    ]);
  });

  test('of a user can do no more than the user, now and later', async () => {
    const lab = await adminLab();
    const ann = await lab.user('ann', 'admin');
    const made = await lab.call('apikeys.create', {}, ann);
    const caller = () => {
      const record = proveApiKey(lab.network, made.key, lab.clock.now());
      return record === undefined ? undefined : callerOfKey(lab.network, record, '');
    };
    expect(caller()).toMatchObject({ origin: 'api', userId: ann.userId, isSelf: true });
    expect(caller()?.scopes).toContain('all');
    const user = lab.network.user(ann.userId);
    if (user === undefined) throw new Error('the user is gone');
    await lab.network.save({ writes: [{ put: 'user', value: { ...user, role: 'auditor' } }] });
    expect(caller()?.scopes).not.toContain('dns');
    expect(caller()?.scopes).toContain('dns:read');
    await lab.network.save({ writes: [{ put: 'user', value: { ...user, suspendedAt: 1 } }] });
    expect(caller()).toBeUndefined();
  });

  test('can’t be made with more than their maker has, nor in the name of another', async () => {
    const lab = await adminLab();
    await lab.user('olga', 'owner');
    const limited: Caller = { ...nobody, scopes: ['api_access_tokens', 'dns'] };
    const refuse = (arg: object, why: RegExp) =>
      expect(lab.call('apikeys.create', arg, limited)).rejects.toThrow(why);
    await refuse({ scopes: ['users'] }, /can't give the scope users without having it/);
    await refuse({ scopes: ['all:read'] }, /can't give the scope all:read/);
    await refuse({ scopes: ['nonsense'] }, /there is no scope "nonsense"/);
    await refuse({ user: 'olga', scopes: ['dns'] }, /not allowed to make a key of olga/);
    expect(await lab.call('apikeys.create', {}, limited)).toMatchObject({
      scopes: ['api_access_tokens', 'dns'],
      user: null,
    });
  });
});

describe('OAuth clients', () => {
  test('need tags when they make machines, and hand on no more than their maker has', async () => {
    const lab = await adminLab();
    const make = (arg: { scopes: string[]; tags?: string[] }, by: Caller = LOCAL) =>
      lab.call('oauth-clients.create', arg, by);
    await expect(make({ scopes: ['auth_keys'] })).rejects.toThrow(/needs tags/);
    await expect(make({ scopes: ['auth_keys'], tags: ['ci'] })).rejects.toThrow(/a tag is tag:/);
    const client = await make({ scopes: ['auth_keys', 'auth_keys'], tags: ['tag:ci'] });
    expect(client).toMatchObject({ scopes: ['auth_keys'], tags: ['tag:ci'], valid: true });
    const program: Caller = { ...nobody, scopes: ['oauth_keys', 'auth_keys'], tags: ['tag:ci'] };
    await expect(make({ scopes: ['auth_keys'], tags: ['tag:prod'] }, program)).rejects.toThrow(
      /not allowed to give tag:prod/,
    );
    await expect(make({ scopes: ['all'], tags: ['tag:ci'] }, program)).rejects.toThrow(/can't give/);
    expect(await make({ scopes: ['auth_keys'], tags: ['tag:ci'] }, program)).toMatchObject({ valid: true });
  });

  test('make auth keys for their tags only', async () => {
    const lab = await adminLab();
    await lab.user('ann', 'member');
    const program: Caller = { ...nobody, scopes: ['auth_keys'], tags: ['tag:ci'] };
    const make = (arg: object) =>
      lab.call(
        'preauthkeys.create',
        { reusable: false, ephemeral: true, expirationMs: HOUR, ...arg },
        program,
      );
    await expect(make({})).rejects.toThrow(/say whose/);
    await expect(make({ user: 'ann' })).rejects.toThrow(/must have tags/);
    await expect(make({ tags: ['tag:ci', 'tag:db'] })).rejects.toThrow(/not allowed to give tag:db/);
    expect(await make({ tags: ['tag:ci'] })).toMatchObject({
      tags: ['tag:ci'],
      user: { name: 'tagged-devices' },
    });
  });
});

describe('members', () => {
  test('see and change what is theirs, and nothing else is there for them', async () => {
    const lab = await adminLab();
    const [ann, bob] = [await lab.user('ann', 'member'), await lab.user('bob', 'member')];
    await lab.node(1, { userId: ann.userId });
    await lab.node(2, { userId: bob.userId });
    expect((await lab.call('my.nodes', {}, ann)).map(({ id }) => id)).toEqual([1]);
    expect(await lab.call('my.node-rename', { node: '1', newName: 'mine' }, ann)).toMatchObject({
      name: 'mine',
    });
    for (const call of ['my.node-expire', 'my.node-delete'] as const)
      await expect(lab.call(call, { node: '2' }, ann)).rejects.toMatchObject({ code: 'not-found' });
    await expect(lab.call('nodes.list', {}, ann)).rejects.toMatchObject({ code: 'not-allowed' });
    const key = await lab.call(
      'my.key-create',
      { reusable: true, ephemeral: false, expirationMs: HOUR },
      ann,
    );
    expect(key).toMatchObject({ user: { name: 'ann' }, tags: [], preapproved: false });
    expect(await lab.call('my.keys', {}, bob)).toEqual([]);
    await expect(lab.call('my.key-expire', { key: String(key.id) }, bob)).rejects.toMatchObject({
      code: 'not-found',
    });
    expect(await lab.call('my.key-expire', { key: String(key.id) }, ann)).toMatchObject({ expired: true });
  });

  test('are not who a narrower key of theirs is', async () => {
    const lab = await adminLab();
    const ann = await lab.user('ann', 'admin');
    const made = await lab.call('apikeys.create', { scopes: ['dns'] }, ann);
    const record = proveApiKey(lab.network, made.key, lab.clock.now());
    if (record === undefined) throw new Error('the key does not work');
    await expect(lab.call('my.nodes', {}, callerOfKey(lab.network, record, ''))).rejects.toMatchObject({
      code: 'not-allowed',
    });
  });
});
