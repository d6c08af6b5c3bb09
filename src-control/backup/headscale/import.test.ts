/** A Headscale database of our own writing: what comes along, what is changed, what is left, and that it all fits here. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { adoptImportedKey } from '../../auth/imported-keys.ts';
import { findAuthKey } from '../../auth/let-in.ts';
import { Network } from '../../state/network.ts';
import { openMemoryStore } from '../../store/sqlite.ts';
import { diagnose } from '../doctor.ts';
import { planImport } from './import.ts';
import { readHeadscale } from './rows.ts';

const dir = mkdtempSync(join(tmpdir(), 'rhumb-headscale-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const SECRET = 'f'.repeat(64);
/** Of the secret, as cheap as bcrypt can be. */
const HASH = '$2b$04$FeWXzq2f/iBtHhd5NEBLyeDK0/TGSHqiVEvkxLJUZ8QvCh1sL45/6';
const hex = (n: number): string => n.toString(16).padStart(64, '0');
const AT = '2026-01-02 03:04:05.678901234+00:00';

function database(): string {
  const file = join(dir, 'db.sqlite');
  rmSync(file, { force: true });
  const db = new DatabaseSync(file);
  db.exec(`
    CREATE TABLE users (id integer PRIMARY KEY, name text, display_name text, email text, provider_identifier text,
      provider text, profile_pic_url text, created_at datetime, deleted_at datetime);
    CREATE TABLE pre_auth_keys (id integer PRIMARY KEY, key text, prefix text, hash blob, user_id integer, description text,
      reusable numeric, ephemeral numeric, used numeric, tags text, expiration datetime, revoked datetime, created_at datetime);
    CREATE TABLE nodes (id integer PRIMARY KEY, machine_key text, node_key text, disco_key text, endpoints text,
      host_info text, ipv4 text, ipv6 text, hostname text, given_name text, user_id integer, register_method text, tags text,
      auth_key_id integer, last_seen datetime, expiry datetime, approved_routes text, created_at datetime, deleted_at datetime);
    CREATE TABLE policies (id integer PRIMARY KEY, data text, deleted_at datetime);
    CREATE TABLE api_keys (id integer PRIMARY KEY);
    CREATE TABLE database_versions (id integer PRIMARY KEY, version text);
    INSERT INTO database_versions VALUES (1, '0.28.0');
    INSERT INTO api_keys VALUES (1);
    INSERT INTO policies VALUES (1, '{}', NULL), (2, '{"acls":[]}', NULL);
    INSERT INTO users VALUES
      (1, 'alice', 'Alice', '', NULL, '', '', '${AT}', NULL),
      (2, 'alice', '', 'alice@example.com', 'https://id.example.com/abc', 'oidc', '', '${AT}', NULL),
      (3, 'gone', '', '', NULL, '', '', '${AT}', '${AT}');
  `);
  const key = db.prepare('INSERT INTO pre_auth_keys VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)');
  key.run(
    1,
    '',
    'abcdef012345',
    Buffer.from(HASH),
    1,
    '',
    1,
    1,
    1,
    '[]',
    AT.replace('2026', '2096'),
    null,
    AT,
  );
  key.run(2, `0123456789ab${'c'.repeat(36)}`, null, null, 1, '', 1, 0, 0, 'null', null, null, AT);
  key.run(3, '', 'bbbbbbbbbbbb', Buffer.from('scrypt'), 1, '', 1, 0, 0, '[]', null, null, AT);
  const node = db.prepare('INSERT INTO nodes VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)');
  const add = (id: number, over: Partial<Record<string, string | number | null>> = {}): void => {
    const row = {
      ...{
        machine: `mkey:${hex(id)}`,
        nodeKey: `nodekey:${hex(id + 100)}`,
        disco: `discokey:${hex(id + 200)}`,
      },
      ...{
        info: '{"OS":"linux"}',
        ipv4: `100.64.0.${id}`,
        ipv6: `fd7a:115c:a1e0::${id}`,
        host: `Host-${id}`,
      },
      ...{
        name: `host-${id}`,
        user: 1,
        tags: null,
        key: 1,
        expiry: null,
        routes: '["10.0.0.1/8"]',
        deleted: null,
      },
      ...over,
    };
    node.run(
      ...[id, row.machine, row.nodeKey, row.disco, '[]', row.info, row.ipv4, row.ipv6, row.host, row.name],
      ...[row.user, 'authkey', row.tags, row.key, AT, row.expiry, row.routes, AT, row.deleted],
    );
  };
  add(1);
  add(2, { tags: '["tag:b","tag:a"]', key: null, expiry: '0001-01-01 00:00:00+00:00' });
  add(3, { name: 'host-1', user: 2 });
  add(4, { ipv6: null });
  add(5, { machine: 'mkey:zz' });
  add(6, { info: '{"OS":' });
  add(7, { deleted: AT });
  db.close();
  return file;
}

test('what can come along does, under its own id, and the rest is named', async () => {
  const given = { policy: undefined, noiseKey: `privkey:${hex(7)}`, nowMs: 1_000 };
  const { writes, report } = planImport({ rows: readHeadscale(database()), ...given });
  const store = await openMemoryStore(0);
  await store.commit(writes);
  const snapshot = await store.load();
  const { user, node, authKey, policy } = snapshot.tables;
  expect(user.map(({ id, name }) => [id, name])).toEqual([
    [1, 'alice'],
    [2, 'alice-2'],
  ]);
  expect(user[1]?.identity).toMatchObject({ issuer: 'https://id.example.com', subject: 'abc' });
  expect(node.map(({ id, givenName }) => [id, givenName])).toEqual([
    [1, 'host-1'],
    [2, 'host-2'],
    [3, 'host-1-1'],
  ]);
  expect(node[0]).toMatchObject({
    approvedRoutes: ['10.0.0.0/8'],
    ephemeral: true,
    authKeyId: 1,
    expiry: undefined,
  });
  expect(node[0]?.createdAt).toBe(Date.parse('2026-01-02T03:04:05.678Z'));
  expect(node[1]).toMatchObject({ tags: ['tag:a', 'tag:b'], userId: undefined, expiry: undefined });
  expect(authKey.map(({ id }) => id)).toEqual([1, 2]);
  expect(policy.map(({ text }) => text)).toEqual(['{"acls":[]}']);
  expect(snapshot.settings.get('noise-key')).toBe(given.noiseKey);
  expect(snapshot.settings.get('next-node-id')).toBe('4');
  expect(report.imported).toEqual({ users: 2, nodes: 3, authKeys: 2, policies: 1 });
  for (const what of [/machine 4 .*lacks/, /machine 5 /, /nodes 6: host_info/, /auth key 3/, /1 API keys/])
    expect(report.skipped.some((text) => what.test(text))).toBe(true);
  const facts = { snapshot, ranges: ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'], baseDomain: 'x' };
  expect(diagnose({ ...facts, knownTags: undefined })).toEqual([]);
});

test.each([
  ['https://id.example.com/abc', [], 'https://id.example.com', 'abc'],
  // It takes slashes from the ends, and writes the whole as a URL.
  ['https://id.example.com/app/abc', ['https://id.example.com/app/'], 'https://id.example.com/app/', 'abc'],
  ['https://id.example.com/auth0%7C12', [], 'https://id.example.com', 'auth0|12'],
  ['https://id.example.com/a/b', ['https://id.example.com'], 'https://id.example.com', 'a/b'],
  ['https://id.example.com/100%25', ['https://other.example.com/'], 'https://id.example.com', '100%'],
  ['https://id.example.com/100%', [], 'https://id.example.com', '100%'],
])('who signs in as %s with %j is known again', (identifier, issuers, issuer, subject) => {
  const rows = readHeadscale(database());
  const users = rows.users.map((one) => ({ ...one, provider: 'oidc', provider_identifier: identifier }));
  const given = { policy: undefined, noiseKey: undefined, nowMs: 1_000, issuers };
  const { writes } = planImport({ ...given, rows: { ...rows, users: users.slice(0, 1) } });
  const [user] = writes.flatMap((write) => ('put' in write && write.put === 'user' ? [write.value] : []));
  expect(user?.identity).toMatchObject({ issuer, subject });
});

test('its keys work: a bcrypt hash is replaced when the key is first used, older ones are ours already', async () => {
  const given = { policy: undefined, noiseKey: undefined, nowMs: 1_000 };
  const { writes } = planImport({ rows: readHeadscale(database()), ...given });
  const store = await openMemoryStore(0);
  await store.commit(writes);
  const clock = new FakeClock();
  await using network = await Network.open({ store, clock, log: silent, defer: setImmediate });
  const find = async (text: string): Promise<unknown> => {
    await adoptImportedKey(network, text);
    const found = findAuthKey(network, text, 1_000);
    return typeof found === 'string' ? found : found.id;
  };
  expect(await find(`hskey-auth-abcdef012345-${'e'.repeat(64)}`)).toMatch(/invalid auth key/);
  expect(network.authKey(1)?.hash).toHaveLength(60);
  expect(await find(`hskey-auth-abcdef012345-${SECRET}`)).toBe(1);
  expect(network.authKey(1)?.hash).toHaveLength(32);
  expect(await find(`hskey-auth-abcdef012345-${SECRET}`)).toBe(1);
  expect(await find(`0123456789ab${'c'.repeat(36)}`)).toBe(2);
});

test.each([
  ['no database', 'text'],
  ['another one', ''],
])('%s is refused in words', (_what, content) => {
  const file = join(dir, 'other');
  rmSync(file, { force: true });
  if (content !== '') writeFileSync(file, content.repeat(2_000));
  else new DatabaseSync(file).close();
  expect(() => readHeadscale(file)).toThrow(/can't read the Headscale database|is no Headscale database/);
});
