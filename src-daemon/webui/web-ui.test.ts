/** Whom a link on this machine lets in: the user who asked for it, whoever else has seen it. */
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { silent } from '#shared/log/log.ts';
import { openSystemProbes } from '#shared/probing/probes.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import type { SocketOwner } from './socket-owner.ts';
import { WebUi } from './web-ui.ts';

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function setUp() {
  const folder = await mkdtemp(join(tmpdir(), 'rhumb-web-'));
  open.push(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), '<!doctype html>');
  let owner: SocketOwner = 'nobody';
  let looks = 0;
  const webUi = new WebUi({
    clock: new FakeClock(),
    log: silent,
    socketPath: join(folder, 'no.sock'),
    folder,
    openProbes: openSystemProbes(() => 0.5),
    peers: { who: () => undefined, names: () => [] },
    ownerOf: () => {
      looks++;
      return owner;
    },
  });
  open.push(() => webUi[Symbol.asyncDispose]());
  /** What a program of that user is told first, who shows that. */
  const visit = async (as: SocketOwner, link: string, shown: object): Promise<unknown> => {
    owner = as;
    const { host } = new URL(link);
    const socket = new WebSocket(`ws://${host}/bridge`, { headers: { Origin: `http://${host}` } });
    open.push(async () => socket.terminate());
    await once(socket, 'open');
    socket.send(JSON.stringify({ hello: shown }));
    const [frame] = (await once(socket, 'message')) as [Buffer];
    return JSON.parse(String(frame));
  };
  return { webUi, visit, looks: () => looks };
}

const tokenOf = (link: string): string => new URL(link).hash.slice('#t='.length);

test('S21: who reads a link among the arguments of a browser can’t use it, nor use it up', async () => {
  const { webUi, visit } = await setUp();
  const link = await webUi.link({ uid: 1_000, canWrite: true, isAdmin: false });
  const token = tokenOf(link);
  expect(await visit(1_001, link, { token })).toEqual({ refused: {} });
  expect(await visit('nobody', link, { token })).toEqual({ refused: {} });
  const entered = await visit(1_000, link, { token });
  expect(entered).toMatchObject({ welcome: {} });
  const { key } = (entered as { welcome: { key: string } }).welcome;
  expect(await visit(1_001, link, { key })).toEqual({ refused: {} });
  expect(await visit(1_000, link, { key })).toMatchObject({ welcome: {} });
});

test('a link that only lets look is good for somebody else', async () => {
  const { webUi, visit } = await setUp();
  const link = await webUi.link({ uid: 1_000, canWrite: false, isAdmin: false });
  expect(await visit(1_001, link, { token: tokenOf(link) })).toMatchObject({ welcome: {} });
});

test('root’s link is for whoever was given it, once', async () => {
  const { webUi, visit } = await setUp();
  const link = await webUi.link({ uid: 0, canWrite: true, isAdmin: true });
  expect(await visit(1_000, link, { token: tokenOf(link) })).toMatchObject({ welcome: {} });
  expect(await visit(1_000, link, { token: tokenOf(link) })).toEqual({ refused: {} });
});

test('whose a connection is, is looked up once for each', async () => {
  const { webUi, visit, looks } = await setUp();
  const link = await webUi.link({ uid: 1_000, canWrite: true, isAdmin: false });
  expect(await visit(1_000, link, { token: tokenOf(link) })).toMatchObject({ welcome: {} });
  expect(looks()).toBe(1);
});
