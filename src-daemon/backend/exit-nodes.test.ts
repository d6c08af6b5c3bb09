/** Exit nodes through the whole backend: resolved, chosen, put aside, and what keeps packets in meanwhile. */
import { expect, test } from 'vitest';
import { newPrefs, type Prefs } from '#shared/localapi/prefs.ts';
import { derpMap } from '#shared/wire/map.ts';
import type { Node } from '#shared/wire/node.ts';
import type { MapChange, NetworkMap } from '../control/types.ts';
import { NO_RELAY_STATUS } from '../underlay/relay-status.ts';
import { FULL, fakeNode, fakeWorld, type World, type WorldOptions } from './fake-world.ts';

const EXIT = ['0.0.0.0/0', '::/0'];
const exit = (id: number, more: Partial<Node> = {}): Node =>
  fakeNode({
    id,
    more: {
      Addresses: [`100.64.0.${id + 1}/32`],
      AllowedIPs: [`100.64.0.${id + 1}/32`, ...EXIT],
      CapMap: { 'suggest-exit-node': null },
      ...more,
    },
  });

async function joined(peers: readonly Node[], prefs: Partial<Prefs> = {}, options: WorldOptions = {}) {
  const world = await fakeWorld(options);
  await world.backend.startWith({
    UpdatePrefs: { ...newPrefs(), WantRunning: true, ...prefs },
    AuthKey: 'key',
  });
  const map = await world.join(peers);
  return { ...world, map };
}

const delta = (more: Partial<MapChange>): MapChange => ({
  kind: 'delta',
  self: false,
  changed: [],
  removed: [],
  other: false,
  ...more,
});
const withPeers = (map: NetworkMap, peers: readonly Node[]): NetworkMap => ({
  ...map,
  peers: new Map(peers.map((peer) => [String(peer.ID), peer])),
});
const choice = ({ backend }: World): Partial<Prefs> => {
  const { ExitNodeID, ExitNodeIP, AutoExitNode } = backend.prefs();
  return { ExitNodeID, ExitNodeIP, AutoExitNode };
};
/** Which peers carry the rest of the world. */
const carriers = ({ plane }: World): number =>
  plane.config?.peers.filter(({ allowedIps }) => allowedIps.includes('0.0.0.0/0')).length ?? 0;

test('an address becomes an id as soon as the map knows it; watchers and the server are told', async () => {
  const world = await joined([], { ExitNodeIP: '100.64.0.8' });
  expect(choice(world)).toMatchObject({ ExitNodeID: '', ExitNodeIP: '100.64.0.8' });
  expect(world.plane.config?.routes).toEqual(expect.arrayContaining(EXIT));
  expect(world.control().hostinfo?.ExitNodeID).toBeUndefined();
  world.seen.length = 0;
  world.control().events.netmap(withPeers(world.map, [exit(7)]), delta({ changed: ['7'] }));
  await world.settle();
  expect(choice(world)).toMatchObject({ ExitNodeID: 'n7', ExitNodeIP: '' });
  expect(world.seen.find(({ Prefs }) => Prefs !== undefined)?.Prefs).toMatchObject({ ExitNodeID: 'n7' });
  expect(world.control().hostinfo?.ExitNodeID).toBe('n7');
  expect(carriers(world)).toBe(1);
});

test('an address that the map knows already never shows as an address', async () => {
  const world = await joined([exit(7)]);
  await world.backend.editPrefs({ ExitNodeIP: '100.64.0.8' });
  await world.settle();
  expect(choice(world)).toMatchObject({ ExitNodeID: 'n7', ExitNodeIP: '' });
  expect(world.control().hostinfo?.ExitNodeID).toBe('n7');
});

test('our own address is no exit node', async () => {
  const world = await joined([exit(7)], { ExitNodeIP: '100.64.0.2' });
  expect(choice(world)).toMatchObject({ ExitNodeID: '', ExitNodeIP: '100.64.0.2' });
});

test('the automatic choice holds everything back until it is made, and moves on when the node goes', async () => {
  const world = await joined([exit(7, { Online: false })], { AutoExitNode: 'any' });
  expect(choice(world)).toEqual({ ExitNodeID: 'auto:any', ExitNodeIP: '', AutoExitNode: 'any' });
  expect(carriers(world)).toBe(0);
  expect(world.plane.config?.firewall.killSwitch).toBeDefined();
  const both = withPeers(world.map, [exit(7), exit(8, { Online: false })]);
  world.control().events.netmap(both, delta({ changed: ['7', '8'] }));
  await world.settle();
  expect(choice(world).ExitNodeID).toBe('n7');
  const other = withPeers(world.map, [exit(7, { Online: false }), exit(8)]);
  world.control().events.netmap(other, delta({ changed: ['7', '8'] }));
  await world.settle();
  expect(choice(world).ExitNodeID).toBe('n8');
  expect(world.seen.flatMap(({ SuggestedExitNode: id }) => (id === undefined ? [] : [id]))).toEqual([
    'n7',
    'n8',
  ]);
});

test('when no node is left the last one stays chosen, so that nothing leaves', async () => {
  const world = await joined([exit(7)], { AutoExitNode: 'any' });
  world.control().events.netmap(withPeers(world.map, []), delta({ removed: ['7'] }));
  await world.settle();
  expect(choice(world).ExitNodeID).toBe('n7');
  expect(carriers(world)).toBe(0);
  expect(world.plane.config?.routes).toEqual(expect.arrayContaining(EXIT));
});

test('a change of peers that concerns no exit node is looked at no further', async () => {
  const world = await joined([exit(7), fakeNode({ id: 9 })], { AutoExitNode: 'any' });
  const before = world.backend.prefs();
  world
    .control()
    .events.netmap(withPeers(world.map, [exit(7), fakeNode({ id: 9 })]), delta({ changed: ['9'] }));
  await world.settle();
  expect(world.backend.prefs()).toEqual(before);
});

test('choosing a node ends the automatic choice', async () => {
  const world = await joined([exit(7), exit(8)], { AutoExitNode: 'any' });
  await world.backend.editPrefs({ ExitNodeID: 'n8' });
  expect(choice(world)).toEqual({ ExitNodeID: 'n8', ExitNodeIP: '', AutoExitNode: '' });
});

test('an exit node is put aside and taken up again, an automatic choice as such', async () => {
  const world = await joined([exit(7)]);
  await expect(world.backend.setUseExitNodeEnabled(true)).rejects.toThrow('no prior exit node to enable');
  await world.backend.editPrefs({ ExitNodeID: 'n7' });
  await world.backend.setUseExitNodeEnabled(false);
  expect(choice(world).ExitNodeID).toBe('');
  expect(world.backend.prefs().InternalExitNodePrior).toBe('n7');
  await world.backend.setUseExitNodeEnabled(false);
  await world.backend.setUseExitNodeEnabled(true);
  expect(choice(world).ExitNodeID).toBe('n7');
  await world.backend.editPrefs({ AutoExitNode: 'any' });
  await world.backend.setUseExitNodeEnabled(false);
  expect(choice(world)).toEqual({ ExitNodeID: '', ExitNodeIP: '', AutoExitNode: '' });
  await world.backend.setUseExitNodeEnabled(true);
  expect(choice(world)).toEqual({ ExitNodeID: 'n7', ExitNodeIP: '', AutoExitNode: 'any' });
  await world.backend.editPrefs({ ExitNodeID: '' });
  expect(world.backend.prefs().InternalExitNodePrior).toBe('');
  await expect(world.backend.setUseExitNodeEnabled(true)).rejects.toThrow('no prior exit node to enable');
});

test.each([
  {
    wish: { ExitNodeIP: '100.64.0.77' },
    back: { ExitNodeID: '', ExitNodeIP: '100.64.0.77', AutoExitNode: '' },
  },
  { wish: { AutoExitNode: 'any' }, back: { ExitNodeID: 'auto:any', ExitNodeIP: '', AutoExitNode: 'any' } },
])('an exit node that nobody is yet can be put aside, too: $wish', async ({ wish, back }) => {
  const world = await joined([], wish);
  expect(world.plane.config?.firewall.killSwitch).toBeDefined();
  await world.backend.setUseExitNodeEnabled(false);
  await world.settle();
  expect(choice(world)).toEqual({ ExitNodeID: '', ExitNodeIP: '', AutoExitNode: '' });
  expect(world.plane.config?.firewall.killSwitch).toBeUndefined();
  await world.backend.setUseExitNodeEnabled(true);
  expect(choice(world)).toEqual(back);
});

test('on another network the automatic choice is made anew once a relay answers there', async () => {
  const near = (id: number, region: number): Node => exit(id, { HomeDERP: region });
  const world = await joined([near(7, 1), near(8, 2)], { AutoExitNode: 'any' });
  const first = choice(world).ExitNodeID;
  const Nodes = [{ Name: 'a', RegionID: 1, HostName: 'r.example' }];
  const region = (RegionID: number) => ({ RegionID, RegionCode: 'r', RegionName: 'R', Nodes });
  const map = { ...world.map, derpMap: derpMap.parse({ Regions: { 1: region(1), 2: region(2) } }) };
  world.control().events.netmap(map, FULL);
  await world.settle();
  const elsewhere = first === 'n7' ? 2 : 1;
  const other = first === 'n7' ? 'n8' : 'n7';
  world.plane.events?.linkChanged();
  world.plane.events?.relays({ ...NO_RELAY_STATUS, home: elsewhere, connected: [elsewhere] });
  const latency = { [`${elsewhere}-v4`]: 0.01, [`${3 - elsewhere}-v4`]: 0.2 };
  world.plane.events?.netInfo({ PreferredDERP: elsewhere, DERPLatency: latency }, false);
  await world.settle();
  expect(choice(world).ExitNodeID).toBe(other);
});

test('what is closed before the first map stays closed while the key is bad, and opens with down', async () => {
  const world = await fakeWorld();
  const UpdatePrefs = { ...newPrefs(), WantRunning: true, ExitNodeIP: '100.64.0.8' };
  await world.backend.startWith({ UpdatePrefs, AuthKey: 'key' });
  await world.settle();
  expect(world.plane.closed).toEqual({ lan: [] });
  world.plane.events?.network(true, ['192.168.1.7/24']);
  await world.settle();
  expect(world.plane.closed).toEqual({ lan: [] });
  await world.backend.editPrefs({ ExitNodeAllowLANAccess: true });
  await world.settle();
  expect(world.plane.closed).toEqual({ lan: ['192.168.1.0/24'] });
  const map = await world.join([exit(7)]);
  expect(world.plane.closed).toBeUndefined();
  expect(world.plane.config?.firewall.killSwitch).toEqual({ lan: ['192.168.1.0/24'] });
  world.control().events.netmap({ ...map, self: { ...map.self, Expired: true } }, FULL);
  await world.settle();
  expect(world.backend.state).toBe('NeedsLogin');
  expect(world.plane.config).toBeUndefined();
  expect(world.plane.closed).toEqual({ lan: ['192.168.1.0/24'] });
  expect(world.backend.health.isSet('exit-node-closed')).toBe(true);
  await world.backend.editPrefs({ WantRunning: false });
  await world.settle();
  expect(world.plane.closed).toBeUndefined();
  expect(world.backend.health.isSet('exit-node-closed')).toBe(false);
});

test('another network’s map says nothing of an exit node', async () => {
  const world = await joined([exit(7)]);
  const UpdatePrefs = {
    ...newPrefs(),
    WantRunning: true,
    ControlURL: 'https://other.example',
    ExitNodeIP: '100.64.0.8',
  };
  await world.backend.startWith({ UpdatePrefs, AuthKey: 'key' });
  await world.settle();
  expect(choice(world)).toMatchObject({ ExitNodeID: '', ExitNodeIP: '100.64.0.8' });
});

test('an exit node is set when its user is told so, and not a moment later', async () => {
  const world = await joined([exit(7)]);
  await world.backend.editPrefs({ ExitNodeID: 'n7' });
  expect(world.plane.config?.firewall.killSwitch).toEqual({ lan: [] });
  expect(world.plane.config?.routes).toEqual(expect.arrayContaining(EXIT));
});

test('an exit node that can not be had is refused, and everything is as before', async () => {
  const world = await joined([exit(7)]);
  world.plane.failure = 'neither nft nor iptables works here';
  await expect(world.backend.editPrefs({ ExitNodeID: 'n7' })).rejects.toThrow(
    /^the settings stay as they were, .*: neither nft nor iptables works here$/,
  );
  expect(choice(world).ExitNodeID).toBe('');
  world.plane.failure = undefined;
  await world.settle();
  await world.clock.advance(60_000);
  await world.settle();
  expect(world.plane.config?.firewall.killSwitch).toBeUndefined();
});

test('with the firewall left alone routes have to do, and it is said what that means', async () => {
  const world = await joined([exit(7)], { NetfilterMode: 0, ExitNodeID: 'n7' });
  expect(world.backend.health.isSet('exit-node-unguarded')).toBe(true);
  expect(world.plane.config?.firewall.mode).toBe('off');
  world.control().events.netmap({ ...world.map, self: { ...world.map.self, Expired: true } }, FULL);
  await world.settle();
  expect(world.plane.closed).toEqual({ lan: [], byRoutesOnly: true });
  await world.backend.editPrefs({ NetfilterMode: 2 });
  await world.settle();
  expect(world.plane.closed).toEqual({ lan: [] });
  expect(world.backend.health.isSet('exit-node-unguarded')).toBe(false);
});
