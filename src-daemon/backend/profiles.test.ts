/** Profiles and keys in the state store. */
import { expect, test } from 'vitest';
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { NO_USER } from '#shared/localapi/user.ts';
import { memoryStore, type StateStore } from '../store/state-store.ts';
import { formatLockPrivate, lockPublic, newLockPrivate, parseLockPrivate } from './lock-key.ts';
import { type Profile, Profiles, visiblePrefs } from './profiles.ts';

const open = (store: StateStore): Profiles => {
  let ids = 0x1000;
  return new Profiles({
    store,
    newPrivateKey: generatePrivate,
    newLockKey: newLockPrivate,
    newId: () => (ids++).toString(16),
    nowMs: () => 1_700_000_000_000,
  });
};
const loggedIn = (profile: Profile, nodeId: string, name: string): Profile => ({
  login: { ...profile.login, NodeID: nodeId, Name: name, ControlURL: 'http://c' },
  prefs: { ...profile.prefs, ControlURL: 'http://c', WantRunning: true },
  persist: {
    ...profile.persist,
    nodeKey: generatePrivate(),
    nodeId,
    user: { ...NO_USER, ID: 9_007_199_254_740_993n, LoginName: name },
  },
});
const text = (store: StateStore, key: string): string => new TextDecoder().decode(store.get(key));

test('the machine key is made once', async () => {
  const store = memoryStore();
  const key = await open(store).machineKey();
  expect(await open(store).machineKey()).toEqual(key);
  expect(text(store, '_machinekey')).toMatch(/^privkey:[0-9a-f]{64}$/);
});

test('a saved profile comes back whole, 64-bit ids included', async () => {
  const store = memoryStore();
  const profiles = open(store);
  const saved = loggedIn(profiles.fresh(), 'n1', 'alice');
  await profiles.save(saved);
  const again = open(store).current();
  expect(again.persist).toEqual(saved.persist);
  expect(again.prefs).toEqual(saved.prefs);
  expect(again.login).toEqual(saved.login);
  expect(text(store, '_current-profile')).toBe(saved.login.Key);
  expect(text(store, saved.login.Key)).toContain('"ID":9007199254740993');
});

test('what clients see has no private key', async () => {
  const profile = loggedIn(open(memoryStore()).fresh(), 'n1', 'alice');
  expect(visiblePrefs(profile).Config).toEqual({ UserProfile: profile.persist.user, NodeID: 'n1' });
  expect(visiblePrefs(open(memoryStore()).fresh()).Config).toBeUndefined();
});

test('only profiles that have logged in are listed, and one machine at one server has one', async () => {
  const store = memoryStore();
  const profiles = open(store);
  await profiles.save(profiles.fresh());
  expect(profiles.all()).toEqual([]);
  const first = loggedIn(profiles.fresh(), 'n1', 'alice');
  const second = loggedIn(profiles.fresh(), 'n2', 'bob');
  await profiles.save(first);
  await profiles.save(second);
  expect(profiles.all().map(({ Name }) => Name)).toEqual(['alice', 'bob']);
  await profiles.save(loggedIn(profiles.fresh(), 'n1', 'alice again'));
  expect(profiles.all().map(({ Name }) => Name)).toEqual(['alice again', 'bob']);
  expect(store.get(first.login.Key)).toBeUndefined();
});

test('a removal that could not be stored can be tried again', async () => {
  const store = memoryStore();
  let isFull = false;
  const update: StateStore['update'] = async (changes) => {
    if (isFull) throw new Error('no space left');
    await store.update(changes);
  };
  const profiles = open({ ...store, get: (key) => store.get(key), update });
  const saved = loggedIn(profiles.fresh(), 'n1', 'alice');
  await profiles.save(saved);
  isFull = true;
  await expect(profiles.remove(saved.login.ID)).rejects.toThrow('no space left');
  isFull = false;
  await profiles.remove(saved.login.ID);
  expect(store.get(saved.login.Key)).toBeUndefined();
  expect(open(store).all()).toEqual([]);
});

test('removing the current profile leaves none current', async () => {
  const store = memoryStore();
  const profiles = open(store);
  const saved = loggedIn(profiles.fresh(), 'n1', 'alice');
  await profiles.save(saved);
  await profiles.remove(saved.login.ID);
  expect(store.get(saved.login.Key)).toBeUndefined();
  expect(store.get('_current-profile')).toBeUndefined();
  expect(open(store).current().persist.nodeKey).toBeUndefined();
});

test.each([
  ['_machinekey', 'privkey:12'],
  ['_profiles', '[1]'],
  ['profile-1000', '{"Config":{"PrivateNodeKey":"privkey:zz"}}'],
  ['profile-1000', '{"Config":'],
  ['profile-1000', '{"Config":{"NetworkLockKey":"nlpriv:00"}}'],
])('a damaged %s is named, and not replaced', async (key, content) => {
  const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
  const store = memoryStore([
    ['_current-profile', bytes('profile-1000')],
    ['profile-1000', bytes('{}')],
    [key, bytes(content)],
  ]);
  const use = async (): Promise<void> => {
    const profiles = open(store);
    await profiles.machineKey();
    profiles.current();
  };
  await expect(use()).rejects.toThrow(`state entry ${key} is damaged`);
  expect(text(store, key)).toBe(content);
});

test('a current profile that is not there is damage too', () => {
  const store = memoryStore([['_current-profile', new TextEncoder().encode('profile-1')]]);
  expect(() => open(store).current()).toThrow('profile-1 is damaged');
});

test('the lock key goes to text and back, and its public half is the second', () => {
  const key = newLockPrivate();
  expect(parseLockPrivate(formatLockPrivate(key))).toEqual(key);
  expect(lockPublic(key)).toMatch(/^nlpub:[0-9a-f]{64}$/);
  expect(parseLockPrivate('nlpriv:00')).toBeUndefined();
});
