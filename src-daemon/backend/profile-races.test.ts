/** Profiles while several clients change them at once, and while the disk refuses. */
import { expect, test } from 'vitest';
import { newPrefs } from '#shared/localapi/prefs.ts';
import { memoryStore, type StateStore } from '../store/state-store.ts';
import { fakeWorld, MemoryMapCache, type World } from './fake-world.ts';

async function loggedIn(
  store: StateStore = memoryStore(),
  mapCache = new MemoryMapCache(),
): Promise<{ world: World; id: string }> {
  const world = await fakeWorld({ store, mapCache });
  await world.backend.startWith({
    UpdatePrefs: { ...newPrefs(), ControlURL: 'http://control.example', WantRunning: true },
    AuthKey: 'key',
  });
  await world.join();
  return { world, id: world.backend.currentProfile().ID };
}

test('a switch back to the profile that another client is leaving comes after that', async () => {
  const { world, id } = await loggedIn();
  await Promise.all([world.backend.newProfile(), world.backend.switchProfile(id)]);
  expect(world.backend.currentProfile().ID).toBe(id);
});

test('a profile that is being deleted can not be switched to', async () => {
  const { world, id } = await loggedIn();
  const [deleted, switched] = await Promise.allSettled([
    world.backend.deleteProfile(id),
    world.backend.switchProfile(id),
  ]);
  expect(deleted.status).toBe('fulfilled');
  expect(switched).toMatchObject({ status: 'rejected', reason: { message: 'Profile not found' } });
  expect(world.backend.allProfiles()).toEqual([]);
});

/** Refuses writes while `isFull`, and keeps them for the next one as the real one does. */
function fullStore(): StateStore & { isFull: boolean; onDisk: () => string } {
  const real = memoryStore();
  const wrap = {
    isFull: false,
    disk: '',
    get: (key: string) => real.get(key),
    set: (key: string, value: Uint8Array) => wrap.update(new Map([[key, value]])),
    update: async (values: ReadonlyMap<string, Uint8Array | undefined>) => {
      await real.update(values);
      if (wrap.isFull) throw new Error('no space left');
      wrap.disk = new TextDecoder().decode(real.get('_current-profile'));
    },
    flush: () => real.flush(),
    onDisk: () => wrap.disk,
  };
  return wrap;
}

test('a switch that can not be stored is not made by the next write either', async () => {
  const store = fullStore();
  const { world, id } = await loggedIn(store);
  await world.backend.newProfile();
  await world.backend.editPrefs({ Hostname: 'other' });
  const before = store.onDisk();
  expect(before).not.toBe(`profile-${id}`);
  store.isFull = true;
  await expect(world.backend.switchProfile(id)).rejects.toThrow();
  store.isFull = false;
  await world.backend.setNote('pins', '{}');
  expect(store.onDisk()).toBe(before);
});

test('a machine that never logged in hears that its disk has room again', async () => {
  const store = fullStore();
  const world = await fakeWorld({ store });
  await world.backend.start();
  store.isFull = true;
  await expect(world.backend.editPrefs({ Hostname: 'x' })).rejects.toThrow();
  world.backend.storeReported(new Error('no space left'));
  await world.settle();
  expect(world.backend.state).toBe('NoState');
  store.isFull = false;
  const written = store.onDisk();
  await world.clock.advance(31_000);
  await world.settle();
  expect(store.onDisk()).not.toBe(written);
});

test('a map that can not be deleted stops neither a switch nor a logout half-way', async () => {
  const mapCache = new MemoryMapCache();
  mapCache.clear = () => Promise.reject(new Error('read-only file system'));
  const { world, id } = await loggedIn(undefined, mapCache);
  await world.backend.newProfile();
  expect(world.backend.currentProfile().ID).not.toBe(id);
  await world.backend.switchProfile(id);
  expect(world.backend.currentProfile().ID).toBe(id);
  await world.backend.logout(new AbortController().signal);
  expect(world.backend.allProfiles()).toEqual([]);
});
