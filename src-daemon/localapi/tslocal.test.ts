/** The whole surface of the npm package `tslocal` against a real server: what third-party programs read. */
import { AccessDeniedError, Client, HttpError, PeerNotFoundError } from 'tslocal';
import { afterEach, expect, test } from 'vitest';
import { newPrefs } from '#shared/localapi/prefs.ts';
import { fakeNode, USER_ID } from '../backend/fake-world.ts';
import { type Api, openApi, USER } from './testing/api.ts';

const open: (() => PromiseLike<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const PEER_ID = 9_007_199_254_740_993n;

async function setUp(): Promise<{ readonly api: Api; readonly client: Client }> {
  const api = await openApi();
  open.push(() => api[Symbol.asyncDispose]());
  const { backend } = api.world;
  await backend.startWith({
    UpdatePrefs: { ...newPrefs(), ControlURL: 'http://control.example', WantRunning: true },
    AuthKey: 'key',
  });
  const peer = fakeNode({
    id: PEER_ID,
    name: 'peer',
    more: {
      Tags: ['tag:web'],
      KeyExpiry: 1_900_000_000_000,
      CapMap: { 'https://example.com/cap': [{ a: 1 }], plain: null },
      PrimaryRoutes: ['10.1.0.0/16'],
    },
  });
  await api.world.join([peer], {
    filter: [
      {
        SrcIPs: ['*'],
        DstPorts: undefined,
        IPProto: undefined,
        CapGrant: [{ Dsts: ['*'], Caps: undefined, CapMap: { 'example.com/cap': [{ role: 'admin' }] } }],
      },
    ],
  });
  const client = new Client({ socketPath: api.path, useSocketOnly: true });
  open.push(async () => client.destroy());
  return { api, client };
}

test('status, with and without peers', async () => {
  const { client } = await setUp();
  const status = await client.status();
  expect(status.BackendState).toBe('Running');
  expect(status.Version).toBe('1.2.3-t0123456789');
  expect(status.Self?.HostName).toBe('here');
  const peers = Object.values(status.Peer ?? {});
  expect(peers.length).toBe(1);
  expect(peers[0]).toMatchObject({ DNSName: 'peer.tail.example.', Tags: ['tag:web'], Online: true });
  expect(String(peers[0]?.UserID)).toBe(String(USER_ID));
  expect(Object.keys(status.User ?? {})).toEqual([String(USER_ID)]);
  const alone = await client.statusWithoutPeers();
  expect(alone.Peer ?? {}).toEqual({});
  expect(alone.Self?.HostName).toBe('here');
});

test('whois by address, by address with protocol, and by key; nobody is an error of its own', async () => {
  const { api, client } = await setUp();
  const node = api.world.backend.map?.peers.get(String(PEER_ID));
  const ip = node?.Addresses?.[0]?.split('/')[0] ?? '';
  const found = [
    await client.whoIs(ip),
    await client.whoIs(`${ip}:443`),
    await client.whoIsProto('tcp', `${ip}:443`),
    await client.whoIsNodeKey(String(node?.Key)),
  ];
  for (const { Node, UserProfile, CapMap } of found) {
    expect(Node?.Name).toBe('peer.tail.example.');
    expect(BigInt(Node?.ID ?? 0)).toBe(PEER_ID);
    expect(UserProfile?.LoginName).toBe('alice@example.com');
    expect(CapMap).toEqual({ 'example.com/cap': [{ role: 'admin' }] });
  }
  await expect(client.whoIs('100.64.99.99')).rejects.toBeInstanceOf(PeerNotFoundError);
  await expect(client.whoIs('nonsense')).rejects.toThrow("invalid 'addr' parameter");
});

test('nothing is served, and saying what shall be is not known here', async () => {
  const { client } = await setUp();
  const config = await client.getServeConfig();
  expect(config.TCP ?? {}).toEqual({});
  await expect(client.setServeConfig({ ...config })).rejects.toBeInstanceOf(HttpError);
});

test('an identity token comes from the server, and its refusal is an error with its words', async () => {
  const { api, client } = await setUp();
  const control = api.world.control();
  control.answer = { status: 200, body: new TextEncoder().encode('{"id_token":"a.b.c"}') };
  expect((await client.idToken('aud')).id_token).toBe('a.b.c');
  expect(control.asked).toEqual([{ kind: 'id-token', audience: 'aud' }]);
  control.answer = { status: 501, body: new Uint8Array() };
  await expect(client.idToken('aud')).rejects.toThrow('501');
  api.as = USER;
  const other = new Client({ socketPath: api.path, useSocketOnly: true });
  open.push(async () => other.destroy());
  await expect(other.idToken('aud')).rejects.toBeInstanceOf(AccessDeniedError);
});

test('certificates are not offered', async () => {
  const { client } = await setUp();
  await expect(client.certPair('here.tail.example')).rejects.toBeInstanceOf(HttpError);
});
