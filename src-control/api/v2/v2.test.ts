/** The public API as its official clients see it. */
import { describe, expect, test } from 'vitest';
import { LOCAL } from '../../admin/caller.ts';
import { type ApiLab, apiLab } from '../../testing/api-lab.ts';

type Lab = ApiLab & { readonly admin: string };

async function lab(): Promise<Lab> {
  const made = await apiLab();
  await made.user('alice', 'member');
  return { ...made, admin: await made.key(['all']) };
}

const T = '/api/v2/tailnet/-';

describe('who asks', () => {
  test('may send the key as Bearer or as the name of Basic', async () => {
    const { ask, admin } = await lab();
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
    for (const auth of [`Bearer ${admin}`, `bearer ${admin}`, basic(`${admin}:`), basic(`${admin}:x`)])
      expect((await ask('GET', `${T}/devices`, auth)).status).toBe(200);
    for (const auth of ['Bearer x', 'Digest x', basic('x:y'), `Bearer ${admin} x`])
      expect((await ask('GET', `${T}/devices`, auth)).status).toBe(401);
  });

  test('is turned away for a while after many wrong keys, and let in again', async () => {
    const { ask, admin, clock } = await lab();
    let wrong = 0;
    while ((await ask('GET', `${T}/devices`, `rhkey-api-${wrong}`)).status === 401 && wrong < 100) wrong += 1;
    expect(wrong).toBe(30);
    const refused = await ask('GET', `${T}/devices`, admin);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
    await clock.advance(5_000);
    expect((await ask('GET', `${T}/devices`, admin)).status).toBe(200);
  });

  test('names the network, or - for their own', async () => {
    const { ask, admin } = await lab();
    expect((await ask('GET', '/api/v2/tailnet/lab.test/devices', admin)).status).toBe(200);
    expect((await ask('GET', '/api/v2/tailnet/elsewhere.test/devices', admin)).json).toEqual({
      ...{ message: 'no such tailnet: write - or lab.test', status: 404 },
    });
  });
});

describe('devices', () => {
  test('are listed with the fields asked for, and filtered by any of them', async () => {
    const { ask, admin, node } = await lab();
    const { hostinfo } = await node(1, { userId: 1 });
    await node(1, { userId: 1, hostinfo: { ...hostinfo, OS: 'plan9', RoutableIPs: ['10.0.0.0/24'] } });
    await node(2, { userId: undefined, tags: ['tag:a', 'tag:b'], expiry: undefined });
    const plain = (await ask('GET', `${T}/devices`, admin)).json.devices;
    expect(plain[0]).toMatchObject({ id: '1', nodeId: '1', os: 'plan9', user: 'alice', authorized: true });
    expect(plain[0]).not.toHaveProperty('advertisedRoutes');
    expect(plain[1]).toMatchObject({ user: 'tagged-devices', expires: '0001-01-01T00:00:00Z' });
    const all = (await ask('GET', `${T}/devices?fields=all`, admin)).json.devices;
    expect(all[0]).toMatchObject({ advertisedRoutes: ['10.0.0.0/24'], enabledRoutes: [] });
    const ids = async (query: string) =>
      (await ask('GET', `${T}/devices?${query}`, admin)).json.devices.map(({ id }: { id: string }) => id);
    expect(await ids('os=plan9')).toEqual(['1']);
    expect(await ids('tags=tag:b&tags=tag:z')).toEqual(['2']);
    expect(await ids('os=plan9&tags=tag:b')).toEqual([]);
    expect(await ids('nonsense=1')).toEqual([]);
  });

  test('are renamed by label or full name, given routes, and deleted', async () => {
    const { ask, admin, node } = await lab();
    await node(1, { userId: 1 });
    const post = (path: string, body?: unknown) => ask('POST', `/api/v2/device/1/${path}`, admin, body);
    expect((await post('name', { name: 'front.lab.test' })).json).toEqual({});
    expect((await ask('GET', '/api/v2/device/1', admin)).json.name).toBe('front.lab.test');
    expect((await post('routes', { routes: ['10.0.0.0/24'] })).json.enabledRoutes).toEqual(['10.0.0.0/24']);
    expect((await post('authorized', { authorized: false })).status).toBe(200);
    expect((await ask('GET', '/api/v2/device/1', admin)).json.authorized).toBe(false);
    expect((await post('tags', { tags: null })).status).toBe(200);
    expect((await post('key', { keyExpiryDisabled: true })).status).toBe(200);
    expect((await post('expire')).status).toBe(200);
    expect((await post('name', { nome: 'x' })).json.message).toMatch(/^name: /);
    expect((await ask('DELETE', '/api/v2/device/1', admin)).json).toEqual({});
    expect((await ask('GET', '/api/v2/device/1', admin)).json).toEqual({
      message: 'device not found',
      status: 404,
    });
  });

  test('answers are told apart by their tag', async () => {
    const { ask, admin, node } = await lab();
    await node(1, { userId: 1 });
    const first = await ask('GET', '/api/v2/device/1', admin);
    const tag = first.headers.get('etag') ?? '';
    expect(tag).toMatch(/^"[\w-]+"$/);
    const again = await ask('GET', '/api/v2/device/1', admin, undefined, { 'if-none-match': tag });
    expect([again.status, again.text]).toEqual([304, '']);
  });
});

describe('keys', () => {
  test('an auth key is made, shown without its secret, revoked and still there', async () => {
    const { ask, admin } = await lab();
    const create = { reusable: true, ephemeral: false, preauthorized: true, tags: ['tag:ci'] };
    const made = await ask('POST', `${T}/keys`, admin, {
      ...{ capabilities: { devices: { create } }, expirySeconds: 3_600, description: 'ci' },
    });
    expect(made.json).toMatchObject({ id: 'k1', keyType: 'auth', expirySeconds: 3_600, invalid: false });
    expect(made.json.capabilities.devices.create).toEqual(create);
    const { key, ...rest } = made.json;
    expect(key).toMatch(/^rhkey-auth-/);
    expect((await ask('GET', `${T}/keys/k1`, admin)).json).toEqual(rest);
    expect((await ask('DELETE', `${T}/keys/k1`, admin)).json).toEqual({});
    const gone = (await ask('GET', `${T}/keys/k1`, admin)).json;
    expect([gone.invalid, gone.revoked.startsWith('0001')]).toEqual([true, false]);
    expect((await ask('DELETE', `${T}/keys/k1`, admin)).status).toBe(200);
    expect((await ask('GET', `${T}/keys/k99`, admin)).status).toBe(404);
    expect((await ask('POST', `${T}/keys`, admin, { expirySeconds: 99_999_999 })).status).toBe(400);
  });

  test('a client gets tokens of an hour with what it has or less, until it is deleted', async () => {
    const { ask, admin, clock } = await lab();
    const client = await ask('POST', `${T}/keys`, admin, {
      ...{ keyType: 'client', scopes: ['devices:core', 'dns:read'], tags: ['tag:ci'] },
    });
    const token = (form: string, auth?: string) => ask('POST', '/api/v2/oauth/token', auth, form);
    const secret = client.json.key as string;
    const full = await token(`client_id=x&client_secret=${secret}&grant_type=client_credentials`);
    expect(full.json).toMatchObject({
      token_type: 'Bearer',
      expires_in: 3_600,
      scope: 'devices:core dns:read',
    });
    expect(full.headers.get('cache-control')).toBe('no-store');
    const basic = `Basic ${Buffer.from(`${client.json.id}:${secret}`).toString('base64')}`;
    const less = await token('scope=dns:read', basic);
    expect((await ask('GET', `${T}/dns/preferences`, less.json.access_token)).status).toBe(200);
    expect((await ask('GET', `${T}/devices`, less.json.access_token)).status).toBe(403);
    expect((await ask('GET', `${T}/devices`, full.json.access_token)).status).toBe(200);
    expect((await ask('GET', `${T}/devices`, secret)).status).toBe(401);
    for (const [form, error] of [
      [`client_secret=${secret}&scope=users`, 'invalid_scope'],
      [`client_secret=${secret}&scope=nonsense`, 'invalid_scope'],
      [`client_secret=${secret}&tags=tag:other`, 'invalid_target'],
      [`client_secret=${secret}&grant_type=password`, 'unsupported_grant_type'],
      ['client_secret=rhkey-client-x', 'invalid_client'],
      ['', 'invalid_client'],
    ] as const)
      expect((await token(form)).json.error).toBe(error);
    await clock.advance(3_600_000);
    expect((await ask('GET', `${T}/devices`, full.json.access_token)).status).toBe(401);
    const late = await token(`client_secret=${secret}`);
    expect((await ask('DELETE', `${T}/keys/${client.json.id}`, admin)).status).toBe(200);
    expect((await ask('GET', `${T}/devices`, late.json.access_token)).status).toBe(401);
  });

  test('a token makes auth keys for its tags, and clients no wider than itself', async () => {
    const { ask, call } = await lab();
    const made = await call(
      'oauth-clients.create',
      { scopes: ['auth_keys', 'oauth_keys'], tags: ['tag:ci'] },
      LOCAL,
    );
    const { json } = await ask('POST', '/api/v2/oauth/token', undefined, `client_secret=${made.secret}`);
    const post = (body: object) => ask('POST', `${T}/keys`, json.access_token, body);
    const withTags = (tags: string[] | null) => ({ capabilities: { devices: { create: { tags } } } });
    expect((await post(withTags(['tag:ci']))).status).toBe(200);
    expect((await post(withTags(['tag:db']))).status).toBe(403);
    expect((await post(withTags(null))).status).toBe(400);
    expect((await post({ keyType: 'client', scopes: ['all'], tags: ['tag:ci'] })).status).toBe(403);
    expect((await post({ keyType: 'client', scopes: ['auth_keys'], tags: ['tag:db'] })).status).toBe(403);
    expect((await post({ keyType: 'api' })).status).toBe(403);
  });
});

describe('the policy', () => {
  const wide = '{\n  // all\n  "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}],\n}\n';

  test('is HuJSON or JSON, and changed by who has seen it', async () => {
    const { ask, admin } = await lab();
    const get = (accept: string) => ask('GET', `${T}/acl`, admin, undefined, { accept });
    expect((await get('application/json')).json).toHaveProperty('grants');
    expect((await get('application/hujson')).text).toContain('//');
    const set = (body: string, ifMatch: string) =>
      ask('POST', `${T}/acl`, admin, body, { 'if-match': ifMatch, 'content-type': 'application/hujson' });
    const first = await set(wide, '"ts-default"');
    expect([first.status, first.text]).toEqual([200, wide]);
    expect((await set(wide, '"ts-default"')).status).toBe(412);
    const tag = (await get('application/json')).headers.get('etag') ?? '';
    expect((await set(wide.replace('all', 'each'), tag)).status).toBe(200);
    expect((await set(wide, tag)).json).toEqual({
      ...{ message: 'precondition failed, invalid old hash', status: 412 },
    });
    expect((await set(wide, '*')).status).toBe(200);
  });

  test('that is wrong is refused with each line, and judged without being set', async () => {
    const { ask, admin } = await lab();
    const bad = '{"grants": [{"src": ["group:none"], "dst": ["*"], "ip": ["*"]}]}';
    const refused = await ask('POST', `${T}/acl`, admin, bad);
    expect(refused).toMatchObject({ status: 400, json: { message: expect.stringContaining('group:none') } });
    expect((await ask('POST', `${T}/acl/validate`, admin, bad)).json.message).toContain('group:none');
    expect((await ask('POST', `${T}/acl/validate`, admin, wide)).json).toEqual({});
    const asked = `${T}/acl/preview?type=ipport&previewFor=100.64.0.1:22`;
    expect((await ask('POST', asked, admin, wide)).json).toEqual({
      matches: [{ users: ['*'], ports: ['*:*'], lineNumber: 3 }],
      ...{ type: 'ipport', previewFor: '100.64.0.1:22' },
    });
    expect((await ask('POST', asked, admin, '')).json.matches).toHaveLength(1);
    expect((await ask('POST', `${T}/acl/preview?type=ipport&previewFor=there`, admin, wide)).status).toBe(
      400,
    );
    expect((await ask('POST', `${T}/acl/preview?type=node&previewFor=x`, admin, wide)).status).toBe(400);
    expect((await ask('POST', `${T}/acl/preview?type=user&previewFor=nobody@`, admin, wide)).status).toBe(
      404,
    );
    const tests = '[{"src": "alice@", "deny": ["100.64.0.1:22"]}]';
    expect((await ask('POST', `${T}/acl/validate`, admin, tests)).json.message).toMatch(/test/);
  });
});

describe('users', () => {
  test('are shown with what they have, and change their standing', async () => {
    const { ask, admin, node } = await lab();
    await node(1, { userId: 1 });
    const get = async () => (await ask('GET', '/api/v2/users/1', admin)).json;
    expect(await get()).toMatchObject({
      ...{ id: '1', loginName: 'alice', role: 'member', type: 'member', deviceCount: 1, tailnetId: '1' },
    });
    const post = (verb: string, body?: unknown) => ask('POST', `/api/v2/users/1/${verb}`, admin, body);
    expect((await post('suspend')).status).toBe(200);
    expect((await get()).status).toBe('suspended');
    expect((await post('restore')).status).toBe(200);
    expect((await post('role', { role: 'auditor' })).status).toBe(200);
    expect((await get()).role).toBe('auditor');
    expect((await post('role', { role: 'king' })).status).toBe(400);
    // A key of nobody is no owner.
    expect((await post('role', { role: 'owner' })).status).toBe(403);
    expect((await post('delete')).status).toBe(409);
    expect((await ask('GET', `${T}/users?role=auditor`, admin)).json.users).toHaveLength(1);
    expect((await ask('GET', `${T}/users?role=owner`, admin)).json.users).toEqual([]);
  });
});

test('settings that there are not can’t be turned on', async () => {
  const { ask, admin } = await lab();
  const patch = (body: object) => ask('PATCH', `${T}/settings`, admin, body);
  expect((await patch({ devicesApprovalOn: true, networkFlowLoggingOn: false })).json).toMatchObject({
    ...{ devicesApprovalOn: true, networkFlowLoggingOn: false },
  });
  expect((await patch({ networkFlowLoggingOn: true })).json.message).toMatch(/not supported/);
  expect((await patch({ devicesKeyDurationDays: -1 })).status).toBe(400);
});

test('the audit log tells what was done with which key', async () => {
  const { ask, admin, node } = await lab();
  await node(1, { userId: 1 });
  await ask('DELETE', '/api/v2/device/1', admin);
  const span = 'start=1970-01-01T00:00:00Z&end=2100-01-01T00:00:00Z';
  const { json } = await ask('GET', `${T}/logging/configuration?${span}`, admin);
  expect(json).toMatchObject({ version: '1.1', tailnet: 'lab.test' });
  expect(json.logs.at(-1)).toMatchObject({ origin: 'CONFIG_API', action: 'DELETE', target: { id: '1' } });
  expect(JSON.stringify(json)).not.toContain(admin.slice(-64));
  expect((await ask('GET', `${T}/logging/configuration?start=yesterday&end=x`, admin)).status).toBe(400);
});

test('hostile bodies and paths are refused, and nothing is changed', async () => {
  const { ask, admin, node } = await lab();
  await node(1, { userId: 1 });
  for (const body of [
    '{',
    '[]',
    'null',
    '"x"',
    '{"__proto__": {"name": "x"}}',
    '{"name": {"a": 1}}',
    '\u0000',
  ])
    expect([body, (await ask('POST', '/api/v2/device/1/name', admin, body)).status]).toEqual([body, 400]);
  for (const path of [
    '/api/v2/device/1e3',
    '/api/v2/device/-1',
    '/api/v2/device/999999999999999999999',
    '/api/v2/',
  ])
    expect([path, (await ask('GET', path, admin)).status]).toEqual([path, 404]);
  expect((await ask('PUT', '/api/v2/device/1', admin, {})).status).toBe(404);
});

test('the calls of the command line are there for keys with the scope', async () => {
  const { ask, key } = await lab();
  const auditor = await key(['all:read']);
  expect((await ask('POST', '/api/x/call/users.list', auditor)).json).toMatchObject([{ name: 'alice' }]);
  expect((await ask('POST', '/api/x/call/users.create', auditor, { name: 'x' })).json.error.code).toBe(
    'not-allowed',
  );
  expect((await ask('POST', '/api/x/call/toString', auditor)).status).toBe(404);
  expect((await ask('POST', '/api/x/call/users.list', undefined)).status).toBe(401);
});
