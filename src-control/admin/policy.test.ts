/** Calls about the policy, as the console, programs and the command line make them. */
import { assert, expect, test } from 'vitest';
import { adminLab } from '../testing/admin-lab.ts';
import { LOCAL } from './caller.ts';

const OWN =
  '// mine\n{"acls": [{"action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self:*"]}]}';
const NONE = '{"acls": []}';

async function lab() {
  const made = await adminLab();
  const ada = await made.user('ada', 'admin');
  for (const id of [1, 2])
    await made.node(id, {
      ...{ userId: ada.userId, tags: [], givenName: `n${id}`, approvedAt: 1, disabledAt: undefined },
      ...{ ipv4: `100.64.0.${id}`, ipv6: `fd7a:115c:a1e0::${id}`, attributes: {} },
    });
  return { ...made, ada };
}

test('the text comes back as it was written, with what to compare it by', async () => {
  const { call, ada, audit } = await lab();
  expect(await call('policy.get', {}, LOCAL)).toMatchObject({ text: '', version: null, mode: 'database' });
  const set = await call('policy.set', { text: OWN, ifMatch: '"ts-default"', comment: 'first' }, ada);
  expect(set).toMatchObject({
    errors: [],
    version: { id: 1, author: 'ada', comment: 'first', active: true },
  });
  const current = await call('policy.get', {}, LOCAL);
  expect(current).toMatchObject({ text: OWN, etag: set.version?.etag, problem: null });
  expect(audit.at(-1)).toMatchObject({ action: 'update', target: { type: 'policy', id: '1' } });
});

test('errors come with their places and change nothing', async () => {
  const { call, network } = await lab();
  const set = await call('policy.set', { text: '{\n  "grant": [],\n}' }, LOCAL);
  expect(set.version).toBeNull();
  expect(set.errors).toMatchObject([{ code: 'policy/unknown-field', line: 2, column: 3, pointer: '/grant' }]);
  expect(network.policies.size).toBe(0);
});

test('two who edit at once: the second is told', async () => {
  const { call, ada } = await lab();
  const { etag } = await call('policy.get', {}, ada);
  await call('policy.set', { text: OWN, ifMatch: etag }, ada);
  await expect(call('policy.set', { text: NONE, ifMatch: etag, confirm: true }, LOCAL)).rejects.toMatchObject(
    {
      code: 'conflict',
    },
  );
});

test('who would lock themselves out must say so, and can go back', async () => {
  const { call, ada } = await lab();
  await call('policy.set', { text: OWN }, ada);
  const asked = await call('policy.set', { text: NONE }, ada);
  expect(asked.version).toBeNull();
  expect(asked.concerns[0]).toBe('your own machines would no longer reach n2, n1');
  await call('policy.set', { text: NONE, confirm: true }, ada);
  const back = await call('policy.rollback', { version: 1 }, ada);
  expect(back.version).toMatchObject({ id: 3, comment: 'back to version 1' });
  const history = await call('policy.history', {}, ada);
  expect(history.map(({ id, active }) => [id, active])).toEqual([
    [3, true],
    [2, false],
    [1, false],
  ]);
});

test('a difference is told in lines and in who reaches whom', async () => {
  const { call } = await lab();
  await call('policy.set', { text: OWN }, LOCAL);
  const found = await call('policy.diff', { text: NONE }, LOCAL);
  expect(found).toMatchObject({ same: false, gained: [], lost: ['n1 -> n2', 'n2 -> n1'] });
  expect(found.patch).toContain('-// mine');
  expect(await call('policy.diff', {}, LOCAL)).toMatchObject({ same: true, patch: '' });
});

test('an explanation names the rule, or the machine that nobody has let in yet', async () => {
  const { call, node } = await lab();
  await call('policy.set', { text: OWN }, LOCAL);
  const found = await call('policy.explain', { src: 'n1', dst: 'n2:22' }, LOCAL);
  expect(found).toMatchObject({
    verdict: 'allowed',
    enforced_by: ['n2'],
    rules: [{ pointer: '/acls/0', line: 2 }],
  });
  await node(2, { givenName: 'n2', approvedAt: undefined });
  const waiting = await call('policy.explain', { src: 'n1', dst: 'n2:22' }, LOCAL);
  expect(waiting.verdict).toBe('denied');
  expect(waiting.reasons[0]).toMatch(/^n2 waits for an administrator/);
});

test('a picture of who reaches whom is bounded', async () => {
  const { call } = await lab();
  await call('policy.set', { text: OWN }, LOCAL);
  const all = await call('policy.reach', {}, LOCAL);
  expect(all.edges).toEqual([
    { from: 1, to: [2] },
    { from: 2, to: [1] },
  ]);
  const one = await call('policy.reach', { limit: 1 }, LOCAL);
  expect([one.edges.length, one.truncated]).toEqual([1, true]);
  const [first] = one.nodes;
  assert(first !== undefined);
  expect(first.name).toBe('n1');
});

test('an auditor reads and does not write', async () => {
  const { call, user } = await lab();
  const auditor = await user('eve', 'auditor');
  await call('policy.get', {}, auditor);
  await expect(call('policy.set', { text: OWN }, auditor)).rejects.toMatchObject({ code: 'not-allowed' });
});

test('a preview names the rules that concern a user, or an address', async () => {
  const { call, ada } = await lab();
  const text = [
    '{',
    '  "groups": {"group:dev": ["ada@"], "group:ops": []},',
    '  "tagOwners": {"tag:db": []},',
    '  "acls": [',
    '    {"action": "accept", "src": ["group:ops"], "dst": ["*:*"]},',
    '    {"action": "accept", "src": ["group:dev", "tag:db"], "dst": ["100.64.0.1:22,80-90", "tag:db:*"]},',
    '    {"action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self:443"]},',
    '  ],',
    '  "grants": [{"src": ["100.64.0.2"], "dst": ["100.64.0.0/10"], "ip": ["udp:53", "8080"]}],',
    '}',
  ].join('\n');
  const lines = async (type: 'user' | 'ipport', of: string) =>
    (await call('policy.preview', { type, for: of, text }, ada)).matches.map(({ line }) => line);
  // One of their machines has the address that the grant names.
  expect(await lines('user', 'ada@')).toEqual([9, 6, 7]);
  // The first rule leads everywhere, but there is nobody whom it lets.
  expect(await lines('ipport', '100.64.0.1:85')).toEqual([6]);
  expect(await lines('ipport', '100.64.0.1:443')).toEqual([7]);
  expect(await lines('ipport', '100.64.9.9:53')).toEqual([9]);
  expect((await call('policy.preview', { type: 'user', for: 'ada', text }, ada)).matches[0]).toEqual({
    ...{ users: ['100.64.0.2'], ports: ['100.64.0.0/10:udp:53', '100.64.0.0/10:8080'], line: 9 },
  });
  await expect(call('policy.preview', { type: 'user', for: 'eve@', text }, ada)).rejects.toThrow(/no user/);
  await expect(call('policy.preview', { type: 'ipport', for: '1.2.3.4', text }, ada)).rejects.toThrow(/port/);
});
