/** The daemon's core from the first start to logout, with everything around it faked. */
import { expect, test } from 'vitest';
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { RhumbError } from '#shared/errors.ts';
import { nodeKeyFrom } from '#shared/key/key.ts';
import { Watch } from '#shared/localapi/notify.ts';
import { newPrefs } from '#shared/localapi/prefs.ts';
import { State } from '#shared/localapi/status.ts';
import type { NetInfo } from '#shared/wire/hostinfo.ts';
import type { NetworkMap } from '../control/types.ts';
import { memoryStore } from '../store/state-store.ts';
import { FELL_BEHIND } from './bus.ts';
import { direct, FULL, fakeMap, fakeNode, fakeWorld, MemoryMapCache, type World } from './fake-world.ts';

const HOUR = 3_600_000;
const CONTROL_URL = 'http://control.example:8080';
const states = (world: World): number[] =>
  world.seen.flatMap(({ State: state }) => (state === undefined ? [] : [state]));
const up = (world: World, authKey = ''): Promise<void> =>
  world.backend.startWith({
    UpdatePrefs: { ...newPrefs(), ControlURL: CONTROL_URL, WantRunning: true },
    AuthKey: authKey,
  });

test('a machine that never logged in needs a login and tells a Self', async () => {
  const world = await fakeWorld();
  await world.backend.start();
  await world.settle();
  expect(world.backend.state).toBe('NeedsLogin');
  expect(world.controls).toHaveLength(0);
  const status = world.backend.status(true);
  expect(status.Self.HostName).toBe('here');
  expect(status.HaveNodeKey).toBe(false);
});

test('an auth key brings it up: Prefs, LoginFinished, Starting, Running, in that order', async () => {
  const world = await fakeWorld();
  await world.backend.start();
  await up(world, 'rhkey-auth-x');
  expect(world.control().logins).toEqual([{ interactive: false, authKey: 'rhkey-auth-x' }]);
  await world.join([fakeNode({ id: 2 })]);
  expect(world.backend.state).toBe('Running');
  expect(states(world)).toEqual([State.NeedsLogin, State.Starting, State.Running]);
  const finished = world.seen.findIndex(({ LoginFinished }) => LoginFinished !== undefined);
  const starting = world.seen.findIndex(({ State: state }) => state === State.Starting);
  expect(finished).toBeGreaterThanOrEqual(0);
  expect(finished).toBeLessThan(starting);
  expect(world.plane.config?.peers).toHaveLength(1);
  expect(world.backend.prefs().Config?.UserProfile.LoginName).toBe('alice@example.com');
});

test('it tells since when it is connected and of when its key is, also after a restart', async () => {
  const store = memoryStore();
  const world = await fakeWorld({ store });
  await world.backend.start();
  expect(world.backend.facts()).toEqual({ RunningSince: undefined, KeyCreated: undefined, Relays: [] });
  await up(world, 'rhkey-auth-x');
  await world.join();
  const joined = world.clock.now();
  expect(world.backend.facts()).toMatchObject({ RunningSince: joined, KeyCreated: joined });
  await world.clock.advance(HOUR);
  expect(world.backend.facts()).toMatchObject({ RunningSince: joined, KeyCreated: joined });
  await world.backend.editPrefs({ WantRunning: false });
  await world.settle();
  expect(world.backend.facts()).toMatchObject({ RunningSince: undefined, KeyCreated: joined });
  const again = await fakeWorld({ store });
  expect(again.backend.facts()).toMatchObject({ KeyCreated: joined });
});

test('Running is told only when the routes are in force', async () => {
  const world = await fakeWorld();
  world.plane.failure = 'ip: operation not permitted';
  await up(world, 'key');
  await world.join();
  expect(world.backend.state).toBe('Starting');
  expect(world.backend.status(false).Health?.join()).toContain('operation not permitted');
  world.plane.failure = undefined;
  await world.clock.advance(60_000);
  await world.settle();
  expect(world.backend.state).toBe('Running');
  expect(world.backend.health.isSet('router-failed')).toBe(false);
});

test('an interactive login shows the URL to the user who asked, and turns on', async () => {
  const world = await fakeWorld();
  await world.backend.start();
  const mine = world.backend.watch(0, { uid: 1_000 });
  const other = world.backend.watch(0, { uid: 1_001 });
  await world.backend.startWith({ UpdatePrefs: { ...newPrefs(), ControlURL: CONTROL_URL }, AuthKey: '' });
  await world.backend.loginInteractive({ uid: 1_000 });
  world.control().events.authUrl('http://control.example:8080/register/abc');
  await world.settle();
  expect(world.backend.status(false).AuthURL).toBe('http://control.example:8080/register/abc');
  const urls = async (watcher: typeof mine): Promise<string[]> => {
    world.backend.bus.remove(watcher);
    const found: string[] = [];
    for (let m = await watcher.next(new AbortController().signal); m !== undefined; ) {
      if (typeof m.BrowseToURL === 'string') found.push(m.BrowseToURL);
      m = await watcher.next(new AbortController().signal);
    }
    return found;
  };
  expect(await urls(mine)).toHaveLength(1);
  expect(await urls(other)).toEqual([]);
  await world.join();
  expect(world.backend.prefs().WantRunning).toBe(true);
  expect(world.backend.state).toBe('Running');
  expect(world.backend.status(false).AuthURL).toBe('');
});

test('asking for a login twice shows the same page again without another registration', async () => {
  const world = await fakeWorld();
  await world.backend.startWith({ UpdatePrefs: { ...newPrefs(), ControlURL: CONTROL_URL }, AuthKey: '' });
  await world.backend.loginInteractive({ uid: 0 });
  world.control().events.authUrl('http://control.example:8080/register/abc');
  await world.settle();
  await world.backend.loginInteractive({ uid: 0 });
  await world.settle();
  expect(world.control().logins).toHaveLength(1);
  expect(world.seen.filter(({ BrowseToURL }) => BrowseToURL !== undefined)).toHaveLength(2);
});

test('an interactive login right after an auth key is the same login', async () => {
  const world = await fakeWorld();
  await up(world, 'one-time');
  await world.backend.loginInteractive({ uid: 0 });
  await world.join();
  await world.backend.loginInteractive({ uid: 0 });
  expect(world.control().logins).toEqual([{ interactive: false, authKey: 'one-time' }]);
  await world.clock.advance(60_000);
  await world.backend.loginInteractive({ uid: 0 });
  expect(world.control().logins.at(-1)).toEqual({ interactive: true });
});

test.each(['file:///etc/passwd', 'javascript:alert(1)', 'ssh://host'])('does not show %s', async (url) => {
  const world = await fakeWorld();
  await world.backend.startWith({ UpdatePrefs: { ...newPrefs(), ControlURL: CONTROL_URL }, AuthKey: '' });
  await world.backend.loginInteractive({ uid: 0 });
  world.control().events.authUrl(url);
  await world.settle();
  expect(world.backend.status(false).AuthURL).toBe('');
});

test('a refused key is told to watchers and in the status', async () => {
  const world = await fakeWorld();
  await world.backend.start();
  await up(world, 'wrong');
  world.control().events.loginFailed('auth key not found');
  await world.settle();
  expect(world.seen.some(({ ErrMessage }) => ErrMessage === 'auth key not found')).toBe(true);
  expect(world.backend.state).toBe('NeedsLogin');
  expect(world.backend.status(false).Health?.join()).toContain('auth key not found');
});

test('down and up again: Stopped takes everything away and pauses the stream, Running comes back', async () => {
  const world = await fakeWorld();
  await up(world, 'key');
  await world.join([fakeNode({ id: 2 })]);
  await world.backend.editPrefs({ WantRunning: false });
  await world.settle();
  expect(world.backend.state).toBe('Stopped');
  expect(world.plane.config).toBeUndefined();
  expect(world.control().paused).toBe(true);
  world.seen.length = 0;
  await world.backend.editPrefs({ WantRunning: true });
  await world.settle();
  expect(states(world)).toEqual([State.Starting, State.Running]);
  expect(world.control().paused).toBe(false);
  expect(world.plane.config?.peers).toHaveLength(1);
});

test('an edit that changes nothing says nothing', async () => {
  const world = await fakeWorld();
  await up(world, 'key');
  await world.join();
  await world.settle();
  world.seen.length = 0;
  await world.backend.editPrefs({ WantRunning: true });
  await world.settle();
  expect(world.seen).toEqual([]);
});

test('after a restart without the server the stored map keeps peers reachable', async () => {
  const store = memoryStore();
  const mapCache = new MemoryMapCache();
  const first = await fakeWorld({ store, mapCache });
  await up(first, 'key');
  const peer = fakeNode({ id: 2 });
  await first.join([peer]);
  // kill -9: nothing is disposed
  const second = await fakeWorld({ store, mapCache });
  await second.backend.start();
  await second.settle();
  expect(second.backend.state).toBe('Starting');
  expect(second.plane.config?.peers.map(({ nodeKey }) => nodeKey)).toEqual([peer.Key]);
  expect(second.control().setup.initialMap?.peers.size).toBe(1);
  if (peer.Key === undefined) throw new Error('the peer has a key');
  second.plane.live.set(peer.Key, {
    lastHandshakeMs: 1,
    lastWriteMs: 1,
    rxBytes: 1,
    txBytes: 1,
    path: direct('192.0.2.3:41641'),
    wireguard: 'established',
    active: true,
  });
  second.plane.events?.peerUp();
  await second.settle();
  expect(second.backend.state).toBe('Running');
});

test('a start without the server and without a live peer lets the daemon sleep', async () => {
  const store = memoryStore();
  const mapCache = new MemoryMapCache();
  const first = await fakeWorld({ store, mapCache });
  await up(first, 'key');
  await first.join([fakeNode({ id: 2 })]);
  const second = await fakeWorld({ store, mapCache, isUnwatched: true });
  await second.backend.start();
  await second.settle();
  await second.clock.advance(600_000); // warnings that come late have come
  expect(second.backend.state).toBe('Starting');
  expect(second.clock.pending).toBe(0);
  const watcher = second.backend.watch(Watch.EngineUpdates, { uid: 0 });
  expect(second.clock.pending).toBe(1);
  second.backend.bus.remove(watcher);
  expect(second.clock.pending).toBe(0);
});

test('the cached map of another login is not used', async () => {
  const store = memoryStore();
  const mapCache = new MemoryMapCache();
  const first = await fakeWorld({ store, mapCache });
  await up(first, 'key');
  await first.join();
  first.control().events.netmap(fakeMap(fakeNode({ id: 7 }), []), FULL);
  await first.settle();
  const second = await fakeWorld({ store, mapCache });
  await second.backend.start();
  await second.settle();
  expect(second.plane.config).toBeUndefined();
  expect(second.backend.state).toBe('NoState');
});

test('our own expiry asks for a login and closes the tunnels; a later map opens them', async () => {
  const world = await fakeWorld();
  await up(world, 'key');
  const map = await world.join([fakeNode({ id: 2 })]);
  const soon = { ...map, self: { ...map.self, KeyExpiry: world.clock.now() + HOUR } };
  world.control().events.netmap(soon, FULL);
  await world.settle();
  expect(world.backend.state).toBe('Running');
  await world.clock.advance(HOUR + 20_000);
  await world.settle();
  expect(world.backend.state).toBe('NeedsLogin');
  expect(world.plane.config).toBeUndefined();
  world.control().events.netmap(map, FULL);
  await world.settle();
  expect(world.backend.state).toBe('Running');
});

test('a peer whose key expires leaves the tunnels by itself', async () => {
  const world = await fakeWorld();
  await up(world, 'key');
  await world.join([fakeNode({ id: 2, expiresAt: world.clock.now() + HOUR }), fakeNode({ id: 3 })]);
  expect(world.plane.config?.peers).toHaveLength(2);
  await world.clock.advance(HOUR + 20_000);
  await world.settle();
  expect(world.plane.config?.peers).toHaveLength(1);
  expect(Object.values(world.backend.status(true).Peer ?? {}).filter(({ Expired }) => Expired)).toHaveLength(
    1,
  );
});

test('a machine that waits for approval says so and starts when it is approved', async () => {
  const world = await fakeWorld();
  await up(world, 'key');
  const map = await world.join();
  const waiting = { ...map, self: { ...map.self, MachineAuthorized: false } };
  world.control().events.netmap(waiting, FULL);
  await world.settle();
  expect(world.backend.state).toBe('NeedsMachineAuth');
  world.control().events.netmap(map, FULL);
  await world.settle();
  expect(world.backend.state).toBe('Running');
});

test('logout tells the server, forgets the profile and leaves a fresh one', async () => {
  const world = await fakeWorld();
  await up(world, 'key');
  await world.join([fakeNode({ id: 2 })]);
  const control = world.control();
  await world.backend.logout(new AbortController().signal);
  await world.settle();
  expect(control.logouts).toBe(1);
  expect(control.disposed).toBe(true);
  expect(world.backend.state).toBe('NeedsLogin');
  expect(world.plane.config).toBeUndefined();
  expect(world.mapCache.content).toBeUndefined();
  expect(world.backend.prefs()).toMatchObject({ ControlURL: '', WantRunning: false, LoggedOut: false });
  expect(world.backend.allProfiles()).toEqual([]);
});

test('logout without the server forgets the profile all the same and says what failed', async () => {
  const world = await fakeWorld();
  await up(world, 'key');
  await world.join();
  world.control().logoutError = 'connection refused';
  await expect(world.backend.logout(new AbortController().signal)).rejects.toThrow('connection refused');
  expect(world.backend.status(false).HaveNodeKey).toBe(false);
});

test('a logout that cannot be stored changes nothing, now or after a restart', async () => {
  const inner = memoryStore();
  const disk = { isFull: false };
  // Like the file's: what a write could not bring to the disk goes there with the next one.
  const update: typeof inner.update = async (values) => {
    await inner.update(values);
    if (disk.isFull) throw new RhumbError('unavailable', 'write state file: no space left on device');
  };
  const store = { ...inner, update };
  const world = await fakeWorld({ store });
  await up(world, 'key');
  await world.join([fakeNode({ id: 2 })]);
  const control = world.control();
  world.seen.length = 0;
  disk.isFull = true;
  await expect(world.backend.logout(new AbortController().signal)).rejects.toThrow(
    /still logged in.*no space left on device.*log out again/,
  );
  await world.settle();
  expect(control.logouts).toBe(0);
  expect(control.disposed).toBe(false);
  expect(world.backend.state).toBe('Running');
  expect(world.plane.config?.peers).toHaveLength(1);
  expect(world.backend.prefs()).toMatchObject({ WantRunning: true, LoggedOut: false });
  expect(world.mapCache.content).toBeDefined();
  expect(world.seen).toEqual([]);
  disk.isFull = false;
  const again = await fakeWorld({ store });
  expect(again.backend.prefs()).toMatchObject({ WantRunning: true, LoggedOut: false });
  await world.backend.logout(new AbortController().signal);
  expect(control.logouts).toBe(1);
  expect(world.backend.state).toBe('NeedsLogin');
});

test('the machine key outlives a logout', async () => {
  const store = memoryStore();
  const world = await fakeWorld({ store });
  await up(world, 'key');
  await world.join();
  const before = world.control().setup.identity.machineKey;
  await world.backend.logout(new AbortController().signal);
  await up(world, 'key');
  expect(world.control().setup.identity.machineKey).toEqual(before);
  expect(world.control().setup.identity.nodeKey).toBeUndefined();
});

test('events of a client that was replaced are dropped', async () => {
  const world = await fakeWorld();
  await up(world, 'key');
  const old = world.control();
  await up(world, 'key-2');
  old.events.loginFailed('too late');
  await world.settle();
  expect(world.seen.some(({ ErrMessage }) => ErrMessage === 'too late')).toBe(false);
});

test('a server that wants a new sign-in for the stored key closes the tunnels', async () => {
  const store = memoryStore();
  const mapCache = new MemoryMapCache();
  const first = await fakeWorld({ store, mapCache });
  await up(first, 'key');
  await first.join([fakeNode({ id: 2 })]);
  const world = await fakeWorld({ store, mapCache });
  await world.backend.start();
  world.control().events.authUrl('http://control.example:8080/register/again');
  await world.settle();
  expect(world.backend.state).toBe('NeedsLogin');
  expect(world.plane.config).toBeUndefined();
  expect(world.seen.some(({ BrowseToURL }) => BrowseToURL !== undefined)).toBe(true);
});

test('the filter of the map goes to the data plane, and shields up closes it without a new map', async () => {
  const world = await fakeWorld();
  await up(world, 'key');
  const rule = {
    SrcIPs: ['100.64.0.9', '100.64.0.16-100.64.0.18'],
    DstPorts: [{ IP: '*', Ports: { First: 22, Last: 22 } }],
    IPProto: [6],
    CapGrant: undefined,
  };
  await world.join([fakeNode({ id: 2 })], { filter: [rule] });
  expect(world.plane.config?.peers).toHaveLength(1);
  expect(world.plane.config?.filter).toEqual([
    {
      protocols: [6],
      sources: ['100.64.0.9/32', '100.64.0.16/31', '100.64.0.18/32'],
      destinations: [
        { prefix: '0.0.0.0/0', first: 22, last: 22 },
        { prefix: '::/0', first: 22, last: 22 },
      ],
    },
  ]);
  await world.backend.editPrefs({ ShieldsUp: true });
  await world.settle();
  expect(world.plane.config?.filter).toEqual([]);
});

test('profiles: a new one starts empty, switching back resumes the old one', async () => {
  const world = await fakeWorld();
  await up(world, 'key');
  await world.join();
  const [old] = world.backend.allProfiles();
  await world.backend.newProfile();
  await world.settle();
  expect(world.backend.state).toBe('NeedsLogin');
  expect(world.backend.currentProfile().ID).toBe('');
  await world.backend.switchProfile(old?.ID ?? '');
  await world.settle();
  expect(world.backend.status(false).HaveNodeKey).toBe(true);
  expect(world.control().logins).toHaveLength(1);
});

test('a watcher that does not read is dropped and told', async () => {
  const world = await fakeWorld();
  const slow = world.backend.watch(0, { uid: 0 });
  for (let i = 0; i < 200; i++) world.backend.bus.send({ State: i % 7 });
  const got = [];
  for (let m = await slow.next(new AbortController().signal); m !== undefined; ) {
    got.push(m);
    m = await slow.next(new AbortController().signal);
  }
  expect(got).toHaveLength(129);
  expect(got.at(-1)).toEqual({ ErrMessage: FELL_BEHIND });
});

test('counters come every two seconds while someone asks, and only then', async () => {
  const world = await fakeWorld();
  await up(world, 'key');
  await world.join();
  const watcher = world.backend.watch(Watch.EngineUpdates, { uid: 0 });
  await world.clock.advance(4_100);
  const first = await watcher.next(new AbortController().signal);
  expect(first?.Engine).toMatchObject({ NumLive: 0, LiveDERPs: 0 });
});

test('a login that cannot reach its server says why at once', async () => {
  const world = await fakeWorld();
  await up(world, 'key');
  world
    .control()
    .events.connection({ up: false, error: 'dial http://control.example:8080: connection refused' });
  await world.settle();
  const [warning] = world.backend.health.visible().filter(({ code }) => code === 'login-state');
  expect(warning?.args?.['error']).toContain('connection refused');
  await world.join();
  expect(world.backend.health.isSet('login-state')).toBe(false);
});

test('a key that could not be stored at once is not lost with the next write', async () => {
  const inner = memoryStore();
  let full = false;
  const update: typeof inner.update = (values) =>
    full ? Promise.reject(new Error('no space left on device')) : inner.update(values);
  const store = {
    ...inner,
    update,
    set: (key: string, value: Uint8Array) => update(new Map([[key, value]])),
  };
  const world = await fakeWorld({ store });
  await up(world, 'rhkey-auth-x');
  full = true;
  const key = generatePrivate();
  const map = fakeMap(fakeNode({ id: 1, key: nodeKeyFrom(publicOf(key)) }), []);
  const { events } = world.control();
  events.loginFinished({
    nodeKey: key,
    oldNodeKey: undefined,
    user: undefined,
    login: undefined,
    machineAuthorized: true,
  });
  events.connection({ up: true });
  await world.settle();
  full = false;
  events.netmap(map, FULL);
  await world.settle();
  expect(world.plane.config?.privateKey).toEqual(key);
  const again = await fakeWorld({ store });
  expect(again.backend.status(false).HaveNodeKey).toBe(true);
});

test('what could not be stored is stored when there is room again', async () => {
  const inner = memoryStore();
  const disk = { isFull: false };
  const update: typeof inner.update = async (values) => {
    const failure = disk.isFull ? new Error('no space left on device') : undefined;
    if (failure === undefined) await inner.update(values);
    world.backend.storeReported(failure);
    if (failure !== undefined) throw failure;
  };
  const store = { ...inner, update, set: inner.set };
  const world: World = await fakeWorld({ store });
  await up(world, 'rhkey-auth-x');
  disk.isFull = true;
  await world.join();
  expect(world.seen.some(({ LoginFinished }) => LoginFinished !== undefined)).toBe(false);
  expect(world.backend.health.isSet('state-store-health')).toBe(true);
  await world.clock.advance(30_000);
  disk.isFull = false;
  await world.clock.advance(30_000);
  await world.settle();
  expect(world.backend.health.isSet('state-store-health')).toBe(false);
  const again = await fakeWorld({ store: inner });
  expect(again.backend.status(false).HaveNodeKey).toBe(true);
});

test('another login server leaves no map of the network before, not even for the next start', async () => {
  const world = await fakeWorld();
  await up(world, 'rhkey-auth-x');
  await world.join([fakeNode({ id: 2 })]);
  expect(world.mapCache.content).toBeDefined();
  await world.backend.startWith({
    UpdatePrefs: { ...newPrefs(), ControlURL: 'http://other.example', WantRunning: true },
    AuthKey: '',
  });
  await world.settle();
  expect(world.mapCache.content).toBeUndefined();
});

test('what the network check found goes to the server, and again when a session begins', async () => {
  const world = await fakeWorld();
  await world.backend.start();
  await up(world, 'key');
  await world.join();
  const before = world.control().hostinfo?.NetInfo;
  expect(before?.PreferredDERP).toBeUndefined();
  const info = { ...world.control().setup.hostinfo.NetInfo, PreferredDERP: 4 } as NetInfo;
  world.plane.events?.netInfo(info, false);
  expect(world.control().hostinfo?.NetInfo?.PreferredDERP).toBe(4);
  // Other latencies alone are not worth a message.
  const told = world.control().hostinfo;
  world.plane.events?.netInfo({ ...info, DERPLatency: { '4-v4': 0.01 } }, false);
  expect(world.control().hostinfo).toBe(told);
  world.plane.events?.netInfo({ ...info, WorkingUDP: true }, false);
  expect(world.control().hostinfo?.NetInfo?.WorkingUDP).toBe(true);
  await world.backend.newProfile();
  await up(world, 'key');
  expect(world.control().setup.hostinfo.NetInfo?.PreferredDERP).toBe(4);
});

test('the status tells how packets reach an active peer and why not directly', async () => {
  const world = await fakeWorld();
  await world.backend.start();
  await up(world, 'key');
  const peer = fakeNode({ id: 2, name: 'there', more: { HomeDERP: 7 } });
  await world.join([peer], {
    derpMap: { Regions: { '7': { RegionID: 7, RegionCode: 'fra', RegionName: 'Frankfurt', Nodes: [] } } },
  } as unknown as Partial<NetworkMap>);
  if (peer.Key === undefined) throw new Error('the peer has a key');
  const path = {
    kind: 'relay',
    addr: undefined,
    region: 7,
    sinceMs: 5,
    latencyMs: 20,
    why: 'because',
    isSought: true,
  } as const;
  const live = {
    lastHandshakeMs: 1,
    lastWriteMs: 1,
    rxBytes: 1,
    txBytes: 1,
    wireguard: 'established',
  } as const;
  world.plane.live.set(peer.Key, { ...live, path, active: true });
  const told = world.backend.status(true).Peer?.[peer.Key];
  expect(told).toMatchObject({ CurAddr: '', Relay: 'fra' });
  expect(told?.RhumbPath).toEqual({
    Kind: 'relay',
    Addr: '',
    Relay: 'fra',
    Since: 5,
    LatencySeconds: 0.02,
    Why: 'because',
  });
  world.plane.live.set(peer.Key, { ...live, path, active: false });
  expect(world.backend.status(true).Peer?.[peer.Key]?.RhumbPath?.Why).toBe('because');
  world.plane.live.set(peer.Key, { ...live, path: { ...path, isSought: false }, active: false });
  expect(world.backend.status(true).Peer?.[peer.Key]?.RhumbPath).toBeUndefined();
});

test('a relay connection is as good a sign of life as the server', async () => {
  const store = memoryStore();
  const mapCache = new MemoryMapCache();
  const first = await fakeWorld({ store, mapCache });
  await first.backend.start();
  await up(first, 'key');
  await first.join([fakeNode({ id: 2 })]);
  const second = await fakeWorld({ store, mapCache });
  await second.backend.start();
  await second.settle();
  expect(second.backend.state).toBe('Starting');
  second.plane.events?.relays({ home: 7, connected: [7], failing: [] });
  await second.settle();
  expect(second.backend.state).toBe('Running');
});

test('relay trouble and a captive portal are told when they last', async () => {
  const world = await fakeWorld();
  await world.backend.start();
  await up(world, 'key');
  await world.join([], {
    derpMap: {
      Regions: {
        '7': {
          RegionID: 7,
          RegionCode: 'fra',
          RegionName: 'Frankfurt',
          Nodes: [{ Name: '7a', RegionID: 7, HostName: 'relay.example' }],
        },
      },
    },
  } as unknown as Partial<NetworkMap>);
  const codes = (): string[] => world.backend.health.visible().map(({ code }) => code);
  await world.clock.advance(10_000);
  expect(codes()).toEqual(['no-derp-home']);
  world.plane.events?.relays({ home: 7, connected: [], failing: [{ region: 7, error: 'refused' }] });
  await world.clock.advance(10_000);
  const [trouble] = world.backend.health.visible();
  expect(trouble?.code).toBe('no-derp-connection');
  expect(trouble?.text).toContain('Frankfurt is broken: refused');
  world.plane.events?.netInfo({} as NetInfo, true);
  await world.clock.advance(5_000);
  expect(codes()).toEqual(['captive-portal-detected']);
  world.plane.events?.netInfo({} as NetInfo, false);
  world.plane.events?.relays({ home: 7, connected: [7], failing: [] });
  expect(codes()).toEqual([]);
});
