/** The relay inside a whole server: who gets in, who is thrown out, how machines are told, and on which ports. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { FrameType } from '#shared/derp/frames.ts';
import { nodeKeyFrom, type PrivateKey } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { derpMap } from '#shared/wire/map.ts';
import { listen } from '../../src-relay/front/listen.ts';
import { makeSelfCertificate } from '../../src-relay/front/self-certificate.ts';
import { RawClient } from '../../src-relay/front/testing/raw-client.ts';
import { checkMap } from '../relay/check.ts';
import { type Loopback, loopback } from '../testing/loopback.ts';
import { TestMachine } from '../testing/machine.ts';
import { type Config, loadConfig } from './config.ts';
import { type RunningServer, startServer } from './server.ts';

const folder = mkdtempSync(join(tmpdir(), 'rhumb-embedded-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const UPGRADE = 'GET /derp HTTP/1.1\r\nHost: relay\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n';
const RELAY = loadConfig(undefined, { listen: '127.0.0.1:0' }).relay;
const withRelay = (changed: Partial<NonNullable<Config['relay']>>): Partial<Config> => ({
  relay: RELAY === undefined ? undefined : { ...RELAY, ...changed },
});

const relayPort = (server: Loopback): number => server.server.relays.embedded?.port ?? 0;

/** The type of the frame after the greeting; undefined when the relay hangs up instead. */
async function greet(server: Loopback, client: RawClient): Promise<number | undefined> {
  const key = server.server.relays.embedded?.relay.publicKey;
  if (key === undefined) throw new Error('no relay');
  client.write(UPGRADE);
  expect(await client.head()).toMatch(/^HTTP\/1.1 101 /);
  expect((await client.frame())?.type).toBe(FrameType.ServerKey);
  client.write(client.hello(key));
  return (await client.frame())?.type;
}

async function member(server: Loopback, hostname: string): Promise<[TestMachine, PrivateKey]> {
  const key = generatePrivate();
  const machine = await TestMachine.connect(server.url);
  machine.nodeKey = nodeKeyFrom(publicOf(key));
  machine.hostname = hostname;
  await machine.register({ authKey: server.authKey });
  return [machine, key];
}

describe('members', () => {
  test('come in, strangers don’t', async () => {
    await using server = await loopback();
    const [machine, key] = await member(server, 'one');
    await using _machine = machine;
    using inside = await RawClient.tls(relayPort(server), key);
    expect(await greet(server, inside)).toBe(FrameType.ServerInfo);
    using stranger = await RawClient.tls(relayPort(server));
    expect(await greet(server, stranger)).toBeUndefined();
  });

  test.each(['nodes.delete', 'nodes.expire'] as const)('%s ends the connection', async (call) => {
    await using server = await loopback();
    const [machine, key] = await member(server, 'one');
    await using _machine = machine;
    const [other, otherKey] = await member(server, 'two');
    await using _other = other;
    using client = await RawClient.tls(relayPort(server), key);
    using bystander = await RawClient.tls(relayPort(server), otherKey);
    await greet(server, client);
    await greet(server, bystander);
    await server.admin.call(call, { node: 'one' });
    await client.ended();
    expect(bystander.isEnded).toBe(false);
    using again = await RawClient.tls(relayPort(server), key);
    expect(await greet(server, again)).toBeUndefined();
  });

  test('everybody comes in where that is wanted', async () => {
    await using server = await loopback({ config: withRelay({ verifiesClients: false }) });
    using stranger = await RawClient.tls(relayPort(server));
    expect(await greet(server, stranger)).toBe(FrameType.ServerInfo);
  });

  test('POST /verify says the same to relays elsewhere', async () => {
    await using server = await loopback();
    const [machine] = await member(server, 'one');
    await using _machine = machine;
    const ask = (body: string): Promise<Response> => fetch(`${server.url}/verify`, { method: 'POST', body });
    const known = await ask(JSON.stringify({ NodePublic: machine.nodeKey, Source: '192.0.2.1' }));
    expect(await known.json()).toEqual({ Allow: true });
    const unknown = nodeKeyFrom(publicOf(generatePrivate()));
    expect(await (await ask(JSON.stringify({ NodePublic: unknown }))).json()).toEqual({ Allow: false });
    await server.admin.call('nodes.expire', { node: 'one' });
    const expired = await ask(JSON.stringify({ NodePublic: machine.nodeKey }));
    expect(await expired.json()).toEqual({ Allow: false });
    for (const bad of ['', 'x', '{}', '{"NodePublic":"nodekey:00"}', '[1]'])
      expect((await ask(bad)).status).toBe(400);
    expect((await ask('x'.repeat(5_000))).status).toBe(413);
  });
});

describe('the map', () => {
  test('names the relay with its certificate, and all of it answers', async () => {
    await using server = await loopback();
    const relays = await server.admin.call('derp.map', {});
    expect(Object.keys(relays.Regions ?? {})).toEqual(['997', '998', '999']);
    const checks = await checkMap(relays, systemClock());
    expect(checks.map(({ relay, stun }) => [relay.kind, stun.kind])).toEqual([
      ['ok', 'ok'],
      ['ok', 'ok'],
      ['ok', 'ok'],
    ]);
  });

  test('a certificate that is not the promised one is found out', async () => {
    await using server = await loopback();
    const text = JSON.stringify(await server.admin.call('derp.map', {}));
    const lie = derpMap.parse(JSON.parse(text.replace(/sha256-raw:../g, 'sha256-raw:xx')));
    for (const { relay } of await checkMap(lie, systemClock()))
      expect(relay).toEqual({ kind: 'failed', why: 'its certificate is not the one that the map names' });
  });

  test('reaches machines in the first message, and a change as one of its own', async () => {
    const region = { RegionID: 5, RegionCode: 'five', RegionName: 'Five', Nodes: [] };
    await using server = await loopback();
    const [machine] = await member(server, 'one');
    await using _machine = machine;
    const stream = await machine.stream();
    expect(Object.keys((await stream.next())?.DERPMap?.Regions ?? {})).toEqual(['997', '998', '999']);
    const next = derpMap.parse({ Regions: { 5: region }, omitDefaultRegions: true });
    server.server.hub.setDerpMap(next);
    server.server.hub.setDerpMap(next);
    const told = await stream.until((message) => message.DERPMap !== undefined);
    expect(Object.keys(told.DERPMap?.Regions ?? {})).toEqual(['5']);
    expect(told.Node).toBeUndefined();
    server.server.hub.setDerpMap(undefined);
    const gone = await stream.until((message) => message.DERPMap !== undefined);
    expect(gone.DERPMap?.Regions?.['900']?.RegionCode).toBe('none');
  });
});

describe('ports', () => {
  const taken = async (): Promise<[AsyncDisposable, number]> => {
    const server = createServer();
    const port = await listen(server, { host: '127.0.0.1', port: 0 }, 'x');
    return [{ [Symbol.asyncDispose]: async () => void server.close() }, port];
  };

  test('a chosen one that is taken is an error in words', async () => {
    const [holder, port] = await taken();
    await using _holder = holder;
    const failing = loopback({ config: withRelay({ listen: { host: '127.0.0.1', port } }) });
    await expect(failing).rejects.toThrow(`can't serve HTTPS on 127.0.0.1:${port}: the port is in use`);
  });

  test('with TLS the server relays on its own address, and its chain tells the key', async () => {
    const pair = makeSelfCertificate('127.0.0.1', Date.now());
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    writeFileSync(certFile, pair.cert);
    writeFileSync(keyFile, pair.key);
    await using server = await started({ certFile, keyFile });
    expect(server.relays.embedded?.port).toBeUndefined();
    const map = server.hub.derpMap;
    const [check] = await checkMap(map ?? derpMap.parse({}), systemClock());
    expect(check?.relay).toMatchObject({ kind: 'ok' });
    expect(map?.Regions?.['999']?.Nodes?.[0]).toMatchObject({
      HostName: '127.0.0.1',
      DERPPort: Number(new URL(server.serverUrl).port),
      CertName: expect.stringMatching(/^sha256-raw:[0-9a-f]{64}$/),
    });
  });

  test('without one nothing is served, and machines get the region that says so', async () => {
    await using server = await loopback({ config: { relay: undefined } });
    expect(server.server.relays.embedded).toBeUndefined();
    expect((await fetch(`${server.url}/derp/probe`)).status).toBe(404);
    const [machine] = await member(server, 'one');
    await using _machine = machine;
    const first = await (await machine.stream()).next();
    expect(first?.DERPMap?.Regions?.['900']?.RegionCode).toBe('none');
  });
});

async function started(tls: NonNullable<Config['tls']>): Promise<RunningServer> {
  const stateDir = mkdtempSync(join(folder, 'state-'));
  const config = { ...loadConfig(undefined, { listen: '127.0.0.1:0', stateDir }), tls };
  return startServer(config, { clock: systemClock(), log: silent, random: () => 0.5, version: 'test' });
}
