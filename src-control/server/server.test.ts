/** The server end to end on loopback: real channel, real store, real clock; what machines see of each other. */
import { rmSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { generatePrivate, importPrivate, publicOf } from '#shared/crypto/x25519.ts';
import { discoKeyFrom, nodeKeyFrom } from '#shared/key/key.ts';
import type { MapResponse } from '#shared/wire/map.ts';
import { type Loopback, loopback, scratchDir } from '../testing/loopback.ts';
import { TestMachine } from '../testing/machine.ts';
import { pingFrame, RawPeer } from '../testing/raw-peer.ts';

const LOGOUT = '1970-01-01T00:02:03Z';

async function joined(server: Loopback, hostname: string): Promise<TestMachine> {
  const machine = await TestMachine.connect(server.url);
  machine.hostname = hostname;
  const answer = await machine.register({ authKey: server.authKey });
  expect(answer.Error).toBe('');
  return machine;
}

const patchOf = (message: MapResponse, id: number) =>
  message.PeersChangedPatch?.find((one) => one.NodeID === id);
const changedOf = (message: MapResponse, id: number) => message.PeersChanged?.find((one) => one.ID === id);

describe('joining', () => {
  test('a machine with an auth key gets addresses, a name and a first map that is complete', async () => {
    await using server = await loopback();
    await using machine = await TestMachine.connect(server.url);
    const answer = await machine.register({ authKey: server.authKey, hostname: 'Web Server.local' });
    expect(answer).toMatchObject({ MachineAuthorized: true, NodeKeyExpired: false, AuthURL: '', Error: '' });
    expect(answer.Login?.LoginName).toBe('alice');
    const first = await (
      await machine.stream({ Hostinfo: { Hostname: 'Web Server.local', OS: 'linux' } })
    ).next();
    expect(first?.Node).toMatchObject({
      ID: 1,
      StableID: '1',
      Name: 'web-server.rhumb.internal.',
      Addresses: ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'],
      AllowedIPs: ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'],
      Cap: 130,
      Online: true,
      MachineAuthorized: true,
    });
    expect(first?.Peers).toBeUndefined();
    expect(first?.DNSConfig).toMatchObject({ Domains: ['rhumb.internal'], Proxied: false });
    expect(first?.PacketFilters?.['base']).toHaveLength(1);
    expect(first?.UserProfiles).toEqual([expect.objectContaining({ ID: 1, LoginName: 'alice' })]);
    expect(first?.DERPMap).toBeDefined();
    expect(first?.Domain).toBe('rhumb.internal');
    expect(first?.ControlTime).toBeDefined();
  });

  test('a stream without compression is plain JSON', async () => {
    await using server = await loopback();
    await using machine = await joined(server, 'rust');
    const first = await (await machine.stream({ Compress: '' })).next();
    expect(first?.Node?.Name).toBe('rust.rhumb.internal.');
  });

  test('the same host name twice gives two names', async () => {
    await using server = await loopback();
    await using _one = await joined(server, 'web');
    await using two = await joined(server, 'web');
    expect((await (await two.stream()).next())?.Node?.Name).toBe('web-1.rhumb.internal.');
  });

  test('one that waits is let in by nodes approve, and its request is answered then', async () => {
    await using server = await loopback();
    await using machine = await TestMachine.connect(server.url);
    const { AuthURL = '' } = await machine.register({ hostname: 'waiting' });
    expect(AuthURL).toMatch(new RegExp(`^${server.url}/register/rhkey-authreq-`));
    const answered = machine.register({ followup: AuthURL });
    expect(await server.admin.call('nodes.pending', {})).toMatchObject([{ name: 'waiting', os: 'linux' }]);
    await server.admin.call('nodes.approve', { request: AuthURL });
    expect(await answered).toMatchObject({ MachineAuthorized: true, AuthURL: '' });
    expect(await server.admin.call('nodes.list', {})).toMatchObject([
      { name: 'waiting', register_method: 'cli' },
    ]);
  });
});

describe('deltas', () => {
  test('peers hear of a machine that joins, goes online, changes, goes away', async () => {
    await using server = await loopback();
    await using one = await joined(server, 'one');
    const stream = await one.stream();
    await stream.next();
    await using two = await joined(server, 'two');
    const added = await stream.until((message) => changedOf(message, 2) !== undefined);
    expect(changedOf(added, 2)).toMatchObject({ Name: 'two.rhumb.internal.', Online: false });
    const other = await two.stream();
    expect((await other.next())?.Peers).toMatchObject([{ ID: 1, Online: true }]);
    await stream.until((message) => patchOf(message, 2)?.Online === true);
    await two.update({ Endpoints: ['192.0.2.7:41641', '[fe80::1%eth0]:1'], EndpointTypes: [1, 1] });
    const moved = await stream.until((message) => patchOf(message, 2)?.Endpoints !== undefined);
    expect(patchOf(moved, 2)?.Endpoints).toEqual(['192.0.2.7:41641']);
    await server.admin.call('nodes.rename', { node: 'two', newName: 'deux' });
    const renamed = await stream.until((message) => changedOf(message, 2) !== undefined);
    expect(changedOf(renamed, 2)?.Name).toBe('deux.rhumb.internal.');
    expect((await other.until((message) => message.Node !== undefined)).Node?.Name).toBe(
      'deux.rhumb.internal.',
    );
    await server.admin.call('nodes.delete', { node: '2' });
    await stream.until((message) => message.PeersRemoved?.includes(2) === true);
    await other.ended();
    expect(await two.update()).toBe(404);
    expect((await two.register()).AuthURL).not.toBe('');
  });

  test('an expired machine is told, and its peers no longer get a way to it', async () => {
    await using server = await loopback();
    await using one = await joined(server, 'one');
    await using two = await joined(server, 'two');
    await two.update({ Endpoints: ['192.0.2.7:41641'], EndpointTypes: [1] });
    const [left, right] = [await one.stream(), await two.stream()];
    await server.admin.call('nodes.expire', { node: 'two' });
    const self = await right.until((message) => message.Node?.Expired === true);
    expect(self.Node?.KeyExpiry).toBeLessThanOrEqual(Date.now());
    const peer = await left.until((message) => changedOf(message, 2)?.Expired === true);
    expect(changedOf(peer, 2)).toMatchObject({ Online: false });
    expect(changedOf(peer, 2)?.Endpoints).toBeUndefined();
    expect(await two.register()).toMatchObject({ NodeKeyExpired: true });
  });

  test('a machine that signs in again keeps id and addresses, and peers get its new key as a patch', async () => {
    await using server = await loopback();
    await using one = await joined(server, 'one');
    await using two = await joined(server, 'two');
    const watching = await one.stream();
    const old = await two.stream();
    await watching.until((message) => patchOf(message, 2)?.Online === true || message.Peers !== undefined);
    const oldNodeKey = two.nodeKey;
    two.newNodeKey();
    await two.register({ authKey: server.authKey, oldNodeKey });
    const rotated = await watching.until((message) => patchOf(message, 2)?.Key !== undefined);
    expect(patchOf(rotated, 2)).toMatchObject({ Key: two.nodeKey, DiscoKey: two.discoKey });
    expect(patchOf(rotated, 2)?.KeyExpiry).toBeGreaterThan(Date.now());
    await old.ended();
    const first = await (await two.stream()).next();
    expect(first?.Node).toMatchObject({
      ID: 2,
      Key: two.nodeKey,
      Addresses: ['100.64.0.2/32', 'fd7a:115c:a1e0::2/128'],
    });
  });

  test('a lite update that says nothing new is told to nobody', async () => {
    await using server = await loopback();
    await using one = await joined(server, 'one');
    await using two = await joined(server, 'two');
    await two.update({ Endpoints: ['192.0.2.7:1'], EndpointTypes: [1] });
    const stream = await one.stream();
    await stream.next();
    await two.update({ Endpoints: ['192.0.2.7:1'], EndpointTypes: [1] });
    await two.update({ Endpoints: ['192.0.2.7:1', '203.0.113.1:9'], EndpointTypes: [1, 2] });
    await two.update({ Endpoints: ['192.0.2.7:1'], EndpointTypes: [1] });
    await two.update({ Hostinfo: { OS: 'linux', Hostname: 'two', NetInfo: { PreferredDERP: 7 } } });
    const heard = await stream.until((message) => message.PeersChangedPatch !== undefined);
    expect(heard.PeersChangedPatch).toEqual([expect.objectContaining({ NodeID: 2, DERPRegion: 7 })]);
    expect(patchOf(heard, 2)?.Endpoints).toBeUndefined();
  });
});

describe('other kinds of map request', () => {
  test('one-shot is one whole message, read-only without peers changes nothing, lite is empty', async () => {
    await using server = await loopback();
    await using one = await joined(server, 'one');
    await using _two = await joined(server, 'two');
    const stream = await one.stream();
    const shot = await one.post('/machine/map', JSON.stringify(one.mapBody({ Compress: '' })));
    expect(shot.body.readUInt32LE(0)).toBe(shot.body.length - 4);
    expect(JSON.parse(shot.body.subarray(4).toString()).Peers).toHaveLength(1);
    const readOnly = one.mapBody({
      Compress: '',
      OmitPeers: true,
      ReadOnly: true,
      Endpoints: ['192.0.2.1:1'],
    });
    const seen = await one.post('/machine/map', JSON.stringify(readOnly));
    expect(JSON.parse(seen.body.subarray(4).toString())).toMatchObject({ Node: { ID: 1 } });
    expect((await server.admin.call('nodes.list', {}))[0]?.endpoints).toEqual([]);
    const lite = await one.post('/machine/map', JSON.stringify(one.mapBody({ OmitPeers: true })));
    expect(lite).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    expect(stream.request.closed).toBe(false);
  });

  test('a machine key can’t ask for another machine’s node', async () => {
    await using server = await loopback();
    await using one = await joined(server, 'one');
    await using thief = await TestMachine.connect(server.url);
    thief.nodeKey = one.nodeKey;
    expect(await thief.update()).toBe(404);
    expect((await thief.register()).Error).toMatch(/belongs to another machine/);
    expect((await thief.register({ authKey: server.authKey })).Error).toMatch(/belongs to another machine/);
    expect((await thief.register({ expiry: LOGOUT })).Error).toMatch(/belongs to another machine/);
    expect((await server.admin.call('nodes.list', {}))[0]?.expired).toBe(false);
  });

  test('what the server does not offer is 501, what does not exist 404, a wrong method 405', async () => {
    await using server = await loopback();
    await using machine = await TestMachine.connect(server.url);
    expect((await machine.post('/machine/id-token', '{}')).status).toBe(501);
    expect((await machine.post('/machine/tka/init/begin', '{}', 'GET')).status).toBe(501);
    expect((await machine.post('/elsewhere', '')).status).toBe(404);
    expect((await machine.post('/machine/map', '', 'PUT')).status).toBe(405);
  });
});

describe('an identity in use twice', () => {
  test('is noticed when the earlier daemon comes back: both keep their stream and both are told', async () => {
    await using server = await loopback();
    const machine = importPrivate(generatePrivate());
    await using original = await TestMachine.connect(server.url, { machine });
    await original.register({ authKey: server.authKey, hostname: 'twin' });
    await using copy = await TestMachine.connect(server.url, { machine });
    copy.nodeKey = original.nodeKey;
    const first = await original.stream();
    await first.next();
    const second = await copy.stream();
    await second.next();
    await first.ended();
    const third = await original.stream();
    const warned = (message: MapResponse): boolean =>
      message.DisplayMessages?.['rhumb-cloned-state'] !== undefined;
    expect(await third.until(warned)).toMatchObject({
      DisplayMessages: { 'rhumb-cloned-state': { Severity: 'high' } },
    });
    await second.until(warned);
    // Only the newest counts for others.
    await copy.update({ Endpoints: ['192.0.2.66:6'], EndpointTypes: [1] });
    await original.update({ Endpoints: ['192.0.2.1:1'], EndpointTypes: [1] });
    const [node] = await server.admin.call('nodes.list', {});
    expect(node).toMatchObject({ endpoints: ['192.0.2.1:1'], disco_key: original.discoKey });
    // When the newest goes, the other takes over with what it said meanwhile, and the warning goes.
    third.close();
    await second.until((message) => message.DisplayMessages?.['rhumb-cloned-state'] === null);
    expect(await server.admin.call('nodes.list', {})).toMatchObject([
      { endpoints: ['192.0.2.66:6'], disco_key: copy.discoKey, online: true },
    ]);
  });

  test('a daemon that starts anew just takes over', async () => {
    await using server = await loopback();
    await using machine = await joined(server, 'restarts');
    for (let round = 0; round < 3; round++) {
      machine.discoKey = discoKeyFrom(publicOf(generatePrivate()));
      const stream = await machine.stream();
      expect((await stream.next())?.DisplayMessages).toBeUndefined();
    }
  });
});

describe('state', () => {
  const stateDir = scratchDir();
  afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

  test('a restart keeps identity, machines, names and keys', async () => {
    const machine = importPrivate(generatePrivate());
    const nodeKey = nodeKeyFrom(publicOf(generatePrivate()));
    const before = await loopback({ stateDir });
    await using first = await TestMachine.connect(before.url, { machine });
    first.nodeKey = nodeKey;
    await first.register({ authKey: before.authKey, hostname: 'stays' });
    await first.update({ Endpoints: ['192.0.2.1:1'], EndpointTypes: [1] });
    await before.admin.call('nodes.rename', { node: '1', newName: 'named' });
    const key = await (await fetch(`${before.url}/key?v=130`)).text();
    await before[Symbol.asyncDispose]();

    await using after = await loopback({ stateDir });
    expect(await (await fetch(`${after.url}/key?v=130`)).text()).toBe(key);
    await using again = await TestMachine.connect(after.url, { machine });
    again.nodeKey = nodeKey;
    expect(await again.register()).toMatchObject({ MachineAuthorized: true, AuthURL: '' });
    expect((await (await again.stream()).next())?.Node).toMatchObject({
      ID: 1,
      Name: 'named.rhumb.internal.',
    });
    await using next = await TestMachine.connect(after.url);
    await next.register({ authKey: before.authKey });
    expect((await (await next.stream()).next())?.Node?.ID).toBe(2);
  });

  test('an administrator who ends the key of an ephemeral machine leaves it ephemeral', async () => {
    await using server = await loopback();
    const key = await server.admin.call('preauthkeys.create', {
      user: 'alice',
      reusable: false,
      ephemeral: true,
      expirationMs: 0,
    });
    await using machine = await TestMachine.connect(server.url);
    await machine.register({ authKey: key.key ?? '' });
    const ended = await server.admin.call('nodes.expire', { node: '1' });
    expect(ended).toMatchObject({ ephemeral: true, expired: true });
  });

  test('logging out ends the key; an ephemeral machine goes altogether', async () => {
    await using server = await loopback();
    const made = await server.admin.call('preauthkeys.create', {
      user: 'alice',
      reusable: false,
      ephemeral: true,
      expirationMs: 60_000,
    });
    await using stays = await joined(server, 'stays');
    await using guest = await TestMachine.connect(server.url);
    await guest.register({ authKey: made.key, hostname: 'guest' });
    const stream = await stays.stream();
    expect((await stream.next())?.Peers).toMatchObject([{ ID: 2 }]);
    expect(await guest.register({ expiry: LOGOUT })).toMatchObject({ NodeKeyExpired: true, Error: '' });
    await stream.until((message) => message.PeersRemoved?.includes(2) === true);
    expect(await stays.register({ expiry: LOGOUT })).toMatchObject({ NodeKeyExpired: true });
    expect(await server.admin.call('nodes.list', {})).toMatchObject([{ name: 'stays', expired: true }]);
  });

  test('a server stops also when clients read nothing any more', async () => {
    const server = await loopback();
    using quiet = await RawPeer.connect(server.url);
    quiet.pause();
    using full = await RawPeer.connect(server.url);
    full.pause();
    // More answers than the kernel keeps for a client that does not read them.
    for (let n = 0; n < 500; n++) full.send(...Array.from({ length: 200 }, pingFrame));
    await server[Symbol.asyncDispose]();
  });

  test('a stream ends in order when the server stops', async () => {
    const server = await loopback();
    await using machine = await joined(server, 'one');
    const stream = await machine.stream();
    await stream.next();
    await server[Symbol.asyncDispose]();
    await stream.ended();
  });
});
