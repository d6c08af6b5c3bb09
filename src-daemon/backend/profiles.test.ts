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

const ofUser = (profile: Profile, ID: number, LoginName: string): Profile => ({
  ...profile,
  login: { ...profile.login, UserProfile: { ...NO_USER, ID, LoginName } },
});

test('who logs in again goes on with the profile of the account, and the one made for it goes', async () => {
  const store = memoryStore();
  const profiles = open(store);
  const first = ofUser(loggedIn(profiles.fresh(), 'n1', 'alice'), 7, 'alice');
  await profiles.save(first);
  const fresh = profiles.fresh();
  await profiles.save({ ...fresh, prefs: { ...fresh.prefs, WantRunning: true } });
  expect(store.get(fresh.login.Key)).toBeDefined();
  // Removed at the server meanwhile: another machine of the same user.
  const again = profiles.continued(ofUser(loggedIn(fresh, 'n9', 'alice'), 7, 'alice'));
  expect(again.login).toMatchObject({ ID: first.login.ID, Key: first.login.Key, NodeID: 'n9' });
  await profiles.save(again);
  expect(profiles.all()).toEqual([again.login]);
  expect(store.get(fresh.login.Key)).toBeUndefined();
  expect(open(store).current().persist.nodeId).toBe('n9');
});

test.each([
  { name: 'of another user', change: { ID: 8, LoginName: 'bob' }, server: 'http://c' },
  { name: 'at another server', change: { ID: 7, LoginName: 'alice' }, server: 'http://d' },
  { name: 'of a tagged machine', change: { ID: 7, LoginName: 'tagged-devices' }, server: 'http://c' },
])('a login $name is a profile of its own', async ({ change, server }) => {
  const profiles = open(memoryStore());
  await profiles.save(ofUser(loggedIn(profiles.fresh(), 'n1', 'alice'), 7, 'alice'));
  const other = ofUser(loggedIn(profiles.fresh(), 'n2', 'x'), change.ID, change.LoginName);
  const elsewhere = { ...other, login: { ...other.login, ControlURL: server } };
  expect(profiles.continued(elsewhere)).toBe(elsewhere);
  await profiles.save(elsewhere);
  expect(profiles.all()).toHaveLength(2);
});

test('a profile that knows its account stays what it is', async () => {
  const profiles = open(memoryStore());
  const one = ofUser(loggedIn(profiles.fresh(), 'n1', 'alice'), 7, 'alice');
  await profiles.save(one);
  const renamed = { ...one, login: { ...one.login, Name: 'home' } };
  expect(profiles.continued(renamed)).toBe(renamed);
});

test('the list is in order of age, then name, then network', async () => {
  const profiles = open(memoryStore());
  const make = (nodeId: string, Created: number | undefined, Name: string, DomainName: string): Profile => {
    const profile = loggedIn(profiles.fresh(), nodeId, Name);
    const NetworkProfile = { ...profile.login.NetworkProfile, DomainName };
    return { ...profile, login: { ...profile.login, Created, NetworkProfile } };
  };
  for (const profile of [
    make('n1', 2, 'b', 'x'),
    make('n2', 2, 'b', 'a'),
    make('n3', 2, 'a', 'z'),
    make('n4', 1, 'z', 'z'),
    make('n5', undefined, 'zz', 'z'),
  ])
    await profiles.save(profile);
  expect(profiles.all().map(({ NodeID }) => NodeID)).toEqual(['n5', 'n4', 'n3', 'n2', 'n1']);
});

test('a reset forgets every profile and the machine', async () => {
  const store = memoryStore();
  const profiles = open(store);
  const machine = await profiles.machineKey();
  const one = loggedIn(profiles.fresh(), 'n1', 'alice');
  await profiles.save(one);
  await profiles.save(loggedIn(profiles.fresh(), 'n2', 'bob'));
  await profiles.reset();
  expect(profiles.all()).toEqual([]);
  for (const key of ['_machinekey', '_profiles', '_current-profile', one.login.Key])
    expect(store.get(key)).toBeUndefined();
  expect(await open(store).machineKey()).not.toEqual(machine);
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
