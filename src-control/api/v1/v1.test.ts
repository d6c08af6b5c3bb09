/** The v1 API as Headscale's tools see it; statuses and members were compared with a running Headscale. */
import { describe, expect, test } from 'vitest';
import { type ApiLab, apiLab } from '../../testing/api-lab.ts';

async function lab(): Promise<ApiLab & { readonly admin: string }> {
  const made = await apiLab();
  await made.user('alice', 'member');
  return { ...made, admin: await made.key(['all']) };
}

const USER = {
  ...{ id: '1', name: 'alice', displayName: expect.any(String), createdAt: expect.any(String) },
  ...{ email: '', providerId: '', provider: '', profilePicUrl: '' },
};

describe('users', () => {
  test('are made, found, renamed and deleted', async () => {
    const { ask, admin } = await lab();
    const made = await ask('POST', '/api/v1/user', admin, { name: 'zed' });
    expect(made).toMatchObject({ status: 200, json: { user: { id: '2', name: 'zed' } } });
    expect((await ask('POST', '/api/v1/user', admin, { name: 'zed' })).status).toBe(409);
    expect((await ask('GET', '/api/v1/user?name=alice', admin)).json).toEqual({ users: [USER] });
    expect((await ask('GET', '/api/v1/user?id=0', admin)).json.users).toHaveLength(2);
    expect((await ask('POST', '/api/v1/user/2/rename/zoe', admin)).json.user.name).toBe('zoe');
    expect(await ask('DELETE', '/api/v1/user/2', admin)).toMatchObject({ status: 200, json: {} });
    expect((await ask('DELETE', '/api/v1/user/2', admin)).status).toBe(404);
    expect((await ask('DELETE', '/api/v1/user/x', admin)).status).toBe(400);
  });

  test('with machines are not deleted', async () => {
    const { ask, admin, node } = await lab();
    await node(1, { userId: 1 });
    expect((await ask('DELETE', '/api/v1/user/1', admin)).status).toBe(400);
  });
});

describe('machines', () => {
  test('have every member, numbers as texts', async () => {
    const { ask, admin, node } = await lab();
    await node(1, { userId: 1 });
    await node(2, { userId: undefined, tags: ['tag:x'] });
    const { json } = await ask('GET', '/api/v1/node', admin);
    expect(json.nodes.map(({ id }: { id: string }) => id)).toEqual(['1', '2']);
    expect(Object.keys(json.nodes[0]).sort()).toEqual([
      ...['approvedRoutes', 'availableRoutes', 'createdAt', 'discoKey', 'expiry', 'givenName', 'id'],
      ...['ipAddresses', 'lastSeen', 'machineKey', 'name', 'nodeKey', 'online', 'preAuthKey'],
      ...['registerMethod', 'subnetRoutes', 'tags', 'user'],
    ]);
    expect(json.nodes[0].user).toEqual(USER);
    expect(json.nodes[1].user).toMatchObject({ id: '2147455555', name: 'tagged-devices' });
    expect((await ask('GET', '/api/v1/node/2', admin)).json.node.user).toBeNull();
    expect((await ask('GET', '/api/v1/node?user=alice', admin)).json.nodes).toHaveLength(1);
    expect((await ask('GET', '/api/v1/node?user=nobody', admin)).status).toBe(404);
  });

  test('are renamed, given routes, expired now, later or never, and deleted', async () => {
    const { ask, admin, node, clock } = await lab();
    await node(1, { userId: 1 });
    const post = (path: string, body?: unknown) => ask('POST', `/api/v1/node/1/${path}`, admin, body);
    expect((await post('rename/front')).json.node.givenName).toBe('front');
    expect((await post('rename/no_good!')).status).toBe(400);
    const routed = await post('approve_routes', { routes: ['10.0.0.0/24', '0.0.0.0/0'] });
    expect(routed.json.node.approvedRoutes).toEqual(['0.0.0.0/0', '10.0.0.0/24', '::/0']);
    expect((await post('approve_routes', { routes: ['nonsense'] })).status).toBe(400);
    const later = new Date(clock.now() + 3_600_000).toISOString();
    const set = await post('expire', { expiry: later });
    expect(Date.parse(set.json.node.expiry)).toBe(Date.parse(later));
    expect((await post('expire', { disableExpiry: true })).json.node.expiry).toBeNull();
    expect((await post('expire', { disableExpiry: true, expiry: later })).status).toBe(400);
    expect(Date.parse((await post('expire')).json.node.expiry)).toBe(clock.now());
    expect((await ask('DELETE', '/api/v1/node/1', admin)).json).toEqual({});
    expect((await ask('GET', '/api/v1/node/1', admin)).status).toBe(404);
  });
});

test('keys are made for a user or for tags, listed masked, expired and forgotten', async () => {
  const { ask, admin } = await lab();
  const made = await ask('POST', '/api/v1/preauthkey', admin, {
    ...{ user: '1', reusable: true, ephemeral: false, expiration: '0001-01-01T00:00:00Z', aclTags: null },
  });
  expect(made.json.preAuthKey).toMatchObject({
    ...{ id: '1', key: expect.stringMatching(/^rhkey-auth-\w{12}-\w{64}$/), reusable: true, used: false },
    ...{ user: { name: 'alice' }, aclTags: [], expiration: '0001-01-01T00:00:00Z' },
  });
  const tagged = await ask('POST', '/api/v1/preauthkey', admin, { aclTags: ['tag:x'] });
  expect(tagged.json.preAuthKey).toMatchObject({ user: null, aclTags: ['tag:x'] });
  expect((await ask('POST', '/api/v1/preauthkey', admin, { user: '77' })).status).toBe(404);
  const listed = await ask('GET', '/api/v1/preauthkey', admin);
  expect(listed.json.preAuthKeys[0].key).toMatch(/^rhkey-auth-\w{12}-\*\*\*$/);
  expect((await ask('POST', '/api/v1/preauthkey/expire', admin, { id: '1' })).json).toEqual({});
  expect((await ask('DELETE', '/api/v1/preauthkey?id=1', admin)).json).toEqual({});
  expect((await ask('GET', '/api/v1/preauthkey', admin)).json.preAuthKeys).toHaveLength(1);
});

test('API keys are named by id or by the prefix as it is shown', async () => {
  const { ask, admin } = await lab();
  const made = await ask('POST', '/api/v1/apikey', admin);
  expect(made.json.apiKey).toMatch(/^rhkey-api-/);
  const [, second] = (await ask('GET', '/api/v1/apikey', admin)).json.apiKeys;
  expect((await ask('POST', '/api/v1/apikey/expire', admin, { prefix: second.prefix })).json).toEqual({});
  expect((await ask('GET', '/api/v1/node', made.json.apiKey)).status).toBe(401);
  expect((await ask('POST', '/api/v1/apikey/expire', admin, {})).status).toBe(400);
  expect((await ask('POST', '/api/v1/apikey/expire', admin, { id: '2', prefix: 'x' })).status).toBe(400);
  expect((await ask('DELETE', `/api/v1/apikey/${second.prefix}`, admin)).json).toEqual({});
  expect((await ask('DELETE', '/api/v1/apikey/aaaaaaaaaaaa', admin)).status).toBe(404);
});

test('the policy is set when it is good, and said to be wrong where it is', async () => {
  const { ask, admin } = await lab();
  const policy = '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}';
  expect((await ask('PUT', '/api/v1/policy', admin, { policy })).json.policy).toBe(policy);
  expect((await ask('GET', '/api/v1/policy', admin)).json).toEqual({
    ...{ policy, updatedAt: expect.any(String) },
  });
  const wrong = await ask('PUT', '/api/v1/policy', admin, { policy: '{"grants": 7}' });
  expect(wrong).toMatchObject({ status: 400, json: { detail: expect.stringMatching(/^line 1, column/) } });
  expect((await ask('POST', '/api/v1/policy/check', admin, { policy: '{}' })).json).toEqual({});
});

test('errors are problem documents', async () => {
  const { ask, admin } = await lab();
  const missing = await ask('GET', '/api/v1/node/7', admin);
  expect(missing.headers.get('content-type')).toBe('application/problem+json');
  expect(missing.json).toEqual({
    ...{ title: 'Not Found', status: 404, detail: 'node not found' },
    errors: [{ message: 'node not found' }],
  });
  expect((await ask('GET', '/api/v1/nothing', admin)).status).toBe(404);
  expect((await ask('POST', '/api/v1/user', admin, '{"name":')).status).toBe(400);
  expect((await ask('GET', '/api/v1/health', admin)).json).toEqual({ databaseConnectivity: true });
});
