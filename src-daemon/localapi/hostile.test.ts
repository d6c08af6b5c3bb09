/** What any user of the machine may send over the socket without harm to the daemon or to others. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { nodeKeyFrom } from '#shared/key/key.ts';
import { newPrefs } from '#shared/localapi/prefs.ts';
import type { Node } from '#shared/wire/node.ts';
import { fakeNode } from '../backend/fake-world.ts';
import { type Api, openApi, ROOT, USER } from './testing/api.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const item of open.splice(0)) await item[Symbol.asyncDispose]();
});

async function setUp(): Promise<Api> {
  const api = await openApi();
  open.push(api);
  api.as = USER;
  return api;
}

async function say(path: string, text: string): Promise<Socket> {
  const socket = connect(path);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

const HEAD = 'HTTP/1.1\r\nHost: local-tailscaled.sock\r\n';
const DIAL = `POST /localapi/v0/dial ${HEAD}Connection: upgrade\r\nUpgrade: ts-dial\r\nDial-Host: 100.64.0.9\r\nDial-Port: 9\r\n\r\n`;

test('a proxy request whose sender has gone harms nothing', async () => {
  const { path, call } = await setUp();
  for (let i = 0; i < 20; i++) (await say(path, `CONNECT example.com:443 ${HEAD}\r\n`)).destroy();
  expect((await call('GET', 'status')).status).toBe(200);
});

test('another protocol asked for behind an unanswered request ends the connection, and nothing else', async () => {
  const { path, call } = await setUp();
  const socket = await say(path, `GET /localapi/v0/watch-ipn-bus?mask=0 ${HEAD}\r\n${DIAL}`);
  const closed = once(socket.resume(), 'close');
  expect((await call('GET', 'status')).status).toBe(200);
  await closed;
});

test('requests that are sent without waiting for answers are answered one after the other', async () => {
  const { path, call } = await setUp();
  const socket = await say(path, `GET /localapi/v0/status ${HEAD}\r\n`.repeat(4));
  let said = '';
  socket.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  while (said.split('BackendState').length < 5) await once(socket, 'data');
  socket.destroy();
  expect((await call('GET', 'status')).status).toBe(200);
});

test('a thousand requests at once on one connection end it', async () => {
  const { path, call } = await setUp();
  const socket = await say(path, `GET /localapi/v0/status ${HEAD}\r\n`.repeat(1_000));
  let size = 0;
  socket.on('data', (chunk: Buffer) => {
    size += chunk.length;
  });
  await once(socket, 'close');
  expect(size).toBeLessThan(100_000);
  expect((await call('GET', 'status')).status).toBe(200);
});

test('a watcher that stops reading large maps gets the newest when it goes on', async () => {
  const api = await setUp();
  const { path, world } = api;
  api.as = ROOT;
  await world.backend.startWith({
    UpdatePrefs: { ...newPrefs(), ControlURL: 'http://control.example', WantRunning: true },
    AuthKey: 'key',
  });
  const socket = await say(path, `GET /localapi/v0/watch-ipn-bus?mask=8 ${HEAD}\r\n`);
  const peers = (round: number): Node[] =>
    Array.from({ length: 300 }, (_, i) => fakeNode({ id: i + 2, name: `round${round}x${i}` }));
  const first = await world.join(peers(0));
  for (let round = 1; round < 30; round++) {
    const now = new Map(peers(round).map((peer) => [String(peer.ID), peer]));
    const change = { kind: 'delta', self: false, changed: ['2'], removed: [], other: false } as const;
    world.control().events.netmap({ ...first, peers: now }, change);
    await world.backend.idle();
  }
  let said = '';
  socket.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  while (!said.includes('round29x')) await once(socket, 'data');
  socket.destroy();
  expect(said).not.toContain('round20x');
  expect(said).not.toContain('fell behind');
}, 20_000);

test('an operator does not get the memory of the daemon, where its keys are', async () => {
  const api = await setUp();
  api.as = ROOT;
  await api.world.backend.editPrefs({ OperatorUser: 'operator' });
  api.as = USER;
  expect((await api.call('GET', 'prefs')).status).toBe(200);
  expect((await api.call('GET', 'goroutines')).status).toBe(200);
  expect((await api.call('GET', 'pprof?name=heap')).status).toBe(403);
});

test('who asks and does not take the answer loses the connection after a minute', async () => {
  const api = await setUp();
  const { path, world } = api;
  await world.backend.startWith({
    UpdatePrefs: { ...newPrefs(), ControlURL: 'http://control.example', WantRunning: true },
    AuthKey: 'key',
  });
  await world.join(Array.from({ length: 500 }, (_, i) => fakeNode({ id: i + 2, key: keyOf(i) })));
  const socket = await say(path, `GET /localapi/v0/status ${HEAD}\r\n`);
  await once(socket, 'readable');
  await world.clock.advance(59_000);
  expect((await api.call('GET', 'status')).status).toBe(200);
  await world.clock.advance(2_000);
  let size = 0;
  socket.on('data', (chunk: Buffer) => {
    size += chunk.length;
  });
  await once(socket, 'close');
  expect(size).toBeLessThan((await api.call('GET', 'status')).body.length);
});

const keyOf = (i: number): NonNullable<Node['Key']> =>
  nodeKeyFrom(
    new Uint8Array(32)
      .fill(1)
      .with(0, i & 255)
      .with(1, i >> 8),
  );

test('a note that was damaged on the disk is none, and another can be kept', async () => {
  const api = await setUp();
  api.as = ROOT;
  await api.world.backend.setNote('pins', '{"Devices":[');
  expect((await api.call('GET', 'pins')).body.trim()).toBe('{}');
  const body = JSON.stringify({ Pins: { Devices: [{ ID: 'n1' }] }, DevicesSet: true });
  expect((await api.call('POST', 'pins', { body })).status).toBe(200);
});
