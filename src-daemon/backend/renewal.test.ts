/** Signing in anew: the old key serves until the server has taken the new one. */
import { expect, test } from 'vitest';
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { nodeKeyFrom } from '#shared/key/key.ts';
import { newPrefs } from '#shared/localapi/prefs.ts';
import { State } from '#shared/localapi/status.ts';
import type { NetworkMap } from '../control/types.ts';
import { FULL, fakeNode, fakeWorld, type World } from './fake-world.ts';

const PREFS = { ...newPrefs(), ControlURL: 'http://control.example', WantRunning: true };

async function running(): Promise<World & { readonly map: NetworkMap }> {
  const world = await fakeWorld();
  await world.backend.startWith({ UpdatePrefs: PREFS, AuthKey: 'first' });
  const map = await world.join([fakeNode({ id: 2 })]);
  world.seen.length = 0;
  return { ...world, map };
}

/** What the command line does for `up --force-reauth`. */
async function forceReauth(world: World, authKey = ''): Promise<void> {
  await world.backend.startWith({ UpdatePrefs: PREFS, AuthKey: authKey });
  await world.backend.loginInteractive({ uid: 0 });
}

/** The server takes the key that it was shown. */
function refreshed(world: World): void {
  const { nodeKey } = world.control().setup.identity;
  if (nodeKey === undefined) throw new Error('there is a key to be refreshed');
  finished(world, nodeKey);
}

function finished(world: World, nodeKey: ReturnType<typeof generatePrivate>): void {
  const login = {
    nodeKey,
    oldNodeKey: undefined,
    user: undefined,
    login: undefined,
    machineAuthorized: true,
  };
  world.control().events.loginFinished(login);
  world.control().events.connection({ up: true });
}

const states = (world: World): number[] =>
  world.seen.flatMap(({ State: state }) => (state === undefined ? [] : [state]));

test('the network is followed under the old key first, then a new one is asked for, and tunnels stay', async () => {
  const world = await running();
  const before = world.plane.config;
  await forceReauth(world);
  await world.settle();
  expect(world.control().logins).toEqual([{ interactive: false }]);
  refreshed(world);
  await world.settle();
  expect(world.control().logins).toEqual([{ interactive: false }, { interactive: true }]);
  world.control().events.authUrl('http://control.example/register/x');
  await world.settle();
  expect(world.backend.state).toBe('Running');
  expect(world.plane.config?.privateKey).toEqual(before?.privateKey);
  expect(world.plane.config?.peers).toEqual(before?.peers);
  const fresh = generatePrivate();
  finished(world, fresh);
  const self = { ...world.map.self, Key: nodeKeyFrom(publicOf(fresh)) };
  const map = { ...world.map, self, nodeKey: nodeKeyFrom(publicOf(fresh)) };
  world.control().events.netmap(map, FULL);
  await world.settle();
  expect(world.plane.config?.privateKey).toEqual(fresh);
  expect(world.seen.at(-1)).toBeDefined();
  expect(world.seen.some(({ SelfChange }) => SelfChange?.Key === self.Key)).toBe(true);
  expect(states(world)).not.toContain(State.NeedsLogin);
  expect(states(world)).not.toContain(State.Stopped);
});

test('an auth key given with it is used for the new key', async () => {
  const world = await running();
  await forceReauth(world, 'second');
  refreshed(world);
  await world.settle();
  expect(world.control().logins).toEqual([
    { interactive: false, authKey: 'second' },
    { interactive: true, authKey: 'second' },
  ]);
});

test('asked for after the refresh it begins at once', async () => {
  const world = await running();
  await world.backend.startWith({ UpdatePrefs: PREFS, AuthKey: '' });
  refreshed(world);
  await world.settle();
  await world.backend.loginInteractive({ uid: 0 });
  expect(world.control().logins.at(-1)).toEqual({ interactive: true });
});

test('a server that refuses the old key is asked with a new one', async () => {
  const world = await running();
  await forceReauth(world);
  world.control().events.loginFailed('node not found');
  await world.settle();
  expect(world.control().logins.at(-1)).toEqual({ interactive: true });
  expect(world.seen.some(({ ErrMessage }) => ErrMessage !== undefined)).toBe(false);
});

test('a server that wants a person for the old key shows the page to who asked, and asks no second time', async () => {
  const world = await running();
  await forceReauth(world);
  world.control().events.authUrl('http://control.example/register/x');
  await world.settle();
  expect(world.control().logins).toEqual([{ interactive: false }]);
  expect(world.seen.filter(({ BrowseToURL }) => BrowseToURL !== undefined)).toHaveLength(1);
  expect(world.backend.state).toBe('NeedsLogin');
});

test('an expired key is renewed at once: there is nothing left to follow under it', async () => {
  const world = await running();
  world.control().events.netmap({ ...world.map, self: { ...world.map.self, Expired: true } }, FULL);
  await world.settle();
  expect(world.backend.state).toBe('NeedsLogin');
  await forceReauth(world);
  expect(world.control().logins).toEqual([{ interactive: false }, { interactive: true }]);
  const fresh = generatePrivate();
  finished(world, fresh);
  const key = nodeKeyFrom(publicOf(fresh));
  world.control().events.netmap({ ...world.map, nodeKey: key, self: { ...world.map.self, Key: key } }, FULL);
  await world.settle();
  expect(world.backend.state).toBe('Running');
});

test('a key that the server had ended is renewed once, with the one auth key', async () => {
  const world = await running();
  await world.backend.startWith({ UpdatePrefs: PREFS, AuthKey: 'once' });
  await world.settle();
  // The server refused the key it was shown, and so the client made a new one.
  finished(world, generatePrivate());
  await world.settle();
  await world.backend.loginInteractive({ uid: 0 });
  await world.settle();
  expect(world.control().logins).toEqual([{ interactive: false, authKey: 'once' }]);
});
