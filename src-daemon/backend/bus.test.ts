/** What watchers get: selection by mask, limits, lag. */
import { expect, test } from 'vitest';
import { type Notify, Watch } from '#shared/localapi/notify.ts';
import { NO_USER } from '#shared/localapi/user.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { peerChange } from '#shared/wire/node.ts';
import { Bus, FELL_BEHIND, select, type Watcher } from './bus.ts';
import { fakeNode } from './fake-world.ts';
import { healthState } from './health-json.ts';

const nobody = new AbortController().signal;
const drain = async (watcher: Watcher): Promise<Notify[]> => {
  watcher.close();
  const found: Notify[] = [];
  for (let m = await watcher.next(nobody); m !== undefined; m = await watcher.next(nobody)) found.push(m);
  return found;
};
const node = fakeNode({ id: 2 });
const noChange = peerChange.parse({ NodeID: 0 });
const EVERYTHING: Notify = {
  State: 6,
  SelfChange: node,
  NetMap: { Peers: [] },
  Engine: { RBytes: 1, WBytes: 1, NumLive: 0, LiveDERPs: 0, LivePeers: undefined },
  PeersChanged: [node],
  PeersRemoved: [3],
  UserProfiles: { '1': { ...NO_USER, ID: 1, LoginName: 'a' } },
  PeerState: { n2: { PeerWireGuardState: 'established', PeerWireGuardStateAt: 1 } },
};

test.each([
  { mask: 0, want: ['State', 'SelfChange'] },
  { mask: Watch.EngineUpdates, want: ['State', 'SelfChange', 'Engine'] },
  { mask: Watch.InitialNetMap, want: ['State', 'SelfChange', 'NetMap'] },
  { mask: Watch.InitialNetMap | Watch.NoNetMap, want: ['State', 'SelfChange'] },
  { mask: Watch.PeerChanges, want: ['State', 'SelfChange', 'PeersChanged', 'PeersRemoved', 'UserProfiles'] },
  { mask: Watch.PeerWireGuardState, want: ['State', 'SelfChange', 'PeerState'] },
  { mask: 287, want: ['State', 'SelfChange', 'NetMap', 'Engine'] },
])('mask $mask selects $want', ({ mask, want }) => {
  expect(Object.keys(select(mask, EVERYTHING) ?? {}).sort()).toEqual([...want].sort());
});

test.each([
  { mask: Watch.PeerChanges, want: { PeersChanged: [node, node] } },
  {
    mask: Watch.PeerChanges | Watch.PeerPatches,
    want: { PeersChanged: [node], PeerChangedPatch: [{ NodeID: 2, Online: false }] },
  },
  { mask: 0, want: undefined },
])('changes that fit into patches reach mask $mask in its form', ({ mask, want }) => {
  const PeerChangedPatch = [{ ...noChange, NodeID: 2, Online: false }];
  const got = select(mask, { PeersChanged: [node], PeerChangedPatch, PatchedPeers: [node] });
  expect(got).toEqual(want);
});

test('watchers of one mask get the very same message, so that its text is made once', async () => {
  const bus = new Bus(new FakeClock(), () => undefined);
  const masks = [Watch.PeerChanges, Watch.PeerChanges, Watch.PeerChanges | Watch.PeerPatches];
  const watchers = masks.map((mask) => bus.add(mask, { uid: 0 }));
  const profiles = { '1': { ...NO_USER, ID: 1, LoginName: 'a' } };
  for (let i = 0; i < 2; i++) bus.send({ PeersChanged: [node], UserProfiles: profiles });
  const got = await Promise.all(watchers.map(drain));
  expect(got[0]?.[0]).toBe(got[1]?.[0]);
  expect(got[0]?.[1]).toBe(got[1]?.[1]);
  expect(got[0]?.map((message) => Object.keys(message).sort())).toEqual([
    ['PeersChanged', 'UserProfiles'],
    ['PeersChanged'],
  ]);
});

test('a message of which nothing is left is not sent', () => {
  expect(select(0, { PeersRemoved: [1] })).toBeUndefined();
});

test('actions become part of the text for those who do not know them', () => {
  const base = healthState([
    {
      code: 'x',
      severity: 'low',
      title: 't',
      text: 'Text.',
      brokenSince: 1,
      args: undefined,
      dependsOn: [],
      impactsConnectivity: false,
    },
  ]);
  const warning = base.Warnings?.['x'];
  if (warning === undefined) throw new Error('one warning was made');
  const Health = { Warnings: { x: { ...warning, PrimaryAction: { URL: 'https://u', Label: 'Go' } } } };
  expect(select(0, { Health })?.Health?.Warnings?.['x']).toMatchObject({
    Text: 'Text. Go: https://u',
    PrimaryAction: undefined,
  });
  expect(select(Watch.HealthActions, { Health })?.Health).toEqual(Health);
});

test('a rate-limited watcher gets the newest map every three seconds and the rest at once', async () => {
  const clock = new FakeClock();
  const bus = new Bus(clock, () => undefined);
  const watcher = bus.add(Watch.RateLimit | Watch.InitialNetMap | Watch.EngineUpdates, { uid: 0 });
  const got: Notify[] = [];
  const reading = (async () => {
    for (let m = await watcher.next(nobody); m !== undefined; m = await watcher.next(nobody)) got.push(m);
  })();
  for (let i = 0; i < 10; i++) {
    bus.send({ NetMap: { i }, State: i % 7 });
    await clock.advance(500);
  }
  watcher.close();
  await reading;
  expect(got.filter(({ State }) => State !== undefined)).toHaveLength(10);
  expect(got.flatMap(({ NetMap }) => (NetMap === undefined ? [] : [NetMap]))).toEqual([{ i: 0 }, { i: 5 }]);
  expect(clock.pending).toBe(0);
});

test('a profile is sent once, and again when it changes or another self comes', async () => {
  const bus = new Bus(new FakeClock(), () => undefined);
  const watcher = bus.add(Watch.PeerChanges, { uid: 0 });
  const profiles = (name: string): Notify => ({
    UserProfiles: { '1': { ...NO_USER, ID: 1, LoginName: name } },
  });
  bus.send(profiles('a'));
  bus.send(profiles('a'));
  bus.send(profiles('b'));
  bus.resetProfiles();
  bus.send(profiles('b'));
  expect((await drain(watcher)).map(({ UserProfiles }) => UserProfiles?.['1']?.LoginName)).toEqual([
    'a',
    'b',
    'b',
  ]);
});

test('a message for one user reaches only that user', async () => {
  const bus = new Bus(new FakeClock(), () => undefined);
  const [mine, other] = [bus.add(0, { uid: 1 }), bus.add(0, { uid: 2 })];
  bus.send({ BrowseToURL: 'https://x' }, ({ uid }) => uid === 1);
  expect(await drain(mine)).toHaveLength(1);
  expect(await drain(other)).toEqual([]);
});

test('of the maps that a watcher has not taken only the newest waits; what came with the others stays', async () => {
  const bus = new Bus(new FakeClock(), () => undefined);
  const [slow, other] = [bus.add(Watch.InitialNetMap, { uid: 0 }), bus.add(Watch.InitialNetMap, { uid: 0 })];
  for (let i = 0; i < 300; i++) bus.send({ NetMap: { i }, ...(i % 100 === 0 && { State: 1 }) });
  const got = await drain(slow);
  expect(got).toEqual([{ State: 1 }, { State: 1 }, { State: 1 }, { NetMap: { i: 299 } }]);
  expect((await drain(other))[0]).toBe(got[0]);
});

test('a watcher that lags loses the rest and hears why', async () => {
  const bus = new Bus(new FakeClock(), () => undefined);
  const slow = bus.add(0, { uid: 0 });
  for (let i = 0; i < 129; i++) bus.send({ State: 1 });
  const got = await drain(slow);
  expect(got).toHaveLength(129);
  expect(got.at(-1)).toEqual({ ErrMessage: FELL_BEHIND });
});
