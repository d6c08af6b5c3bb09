/** What the status tells of this machine, of others and of what both together mean. */
import { expect, test } from 'vitest';
import { nodeKeyFrom } from '#shared/key/key.ts';
import { encodeStatus, TaildropTarget } from '#shared/localapi/status.ts';
import type { Node } from '#shared/wire/node.ts';
import { fakeMap, fakeNode } from './fake-world.ts';
import type { StatusInput } from './peer-status.ts';
import { assembleStatus } from './status.ts';

const input = (peers: readonly Node[], more: Partial<StatusInput> = {}): StatusInput => ({
  version: '1.2.3',
  state: 'Running',
  hasTun: true,
  nodeKey: nodeKeyFrom(new Uint8Array(32).fill(1)),
  authUrl: '',
  map: fakeMap(fakeNode({ id: 1 }), peers),
  online: true,
  hostname: 'here',
  os: 'linux',
  endpoints: ['192.0.2.1:41641'],
  health: [],
  nowMs: 1_700_000_000_000,
  home: 0,
  peerApi: [],
  exitNodeId: '',
  acceptsRoutes: false,
  peerOf: () => undefined,
  ...more,
});
const peerOf = (node: Node, more: Partial<StatusInput> = {}) => {
  const [found] = Object.values(assembleStatus(input([node], more), true).Peer ?? {});
  if (found === undefined) throw new Error('no peer');
  return found;
};

test('the exit node in use is marked, and told of by itself with prefixes', () => {
  const exit = fakeNode({ id: 2, more: { AllowedIPs: ['100.64.0.3/32', '0.0.0.0/0', '::/0'] } });
  const status = assembleStatus(input([exit, fakeNode({ id: 3 })], { exitNodeId: 'n2' }), true);
  const told = Object.values(status.Peer ?? {}).map(({ ExitNode, ExitNodeOption }) => [
    ExitNode,
    ExitNodeOption,
  ]);
  expect(told).toEqual([
    [true, true],
    [false, false],
  ]);
  expect(status.ExitNodeStatus).toEqual({
    ID: 'n2',
    Online: true,
    TailscaleIPs: ['100.64.0.3/32', 'fd7a:115c:a1e0::3/128'],
  });
  expect(assembleStatus(input([exit], { exitNodeId: 'n9' }), true).ExitNodeStatus).toBeUndefined();
  expect(assembleStatus(input([exit]), true).ExitNodeStatus).toBeUndefined();
});

test('a machine says what it carries, where it is and where its PeerAPI is', () => {
  const Hostinfo = {
    OS: 'linux',
    Hostname: 'router',
    Location: { Country: 'Germany', CountryCode: 'DE', City: 'Berlin', CityCode: 'BER', Priority: 7 },
    Services: [
      { Proto: 'peerapi4', Port: 40_001, Description: undefined },
      { Proto: 'peerapi6', Port: 40_002, Description: undefined },
    ],
    ShareeNode: true,
  } as unknown as Node['Hostinfo'];
  const told = peerOf(
    fakeNode({ id: 2, more: { Hostinfo, PrimaryRoutes: ['10.0.0.0/8'], Tags: ['tag:r'] } }),
  );
  expect(told).toMatchObject({
    PrimaryRoutes: ['10.0.0.0/8'],
    Tags: ['tag:r'],
    ShareeNode: true,
    PeerAPIURL: ['http://100.64.0.3:40001', 'http://[fd7a:115c:a1e0::3]:40002'],
    Location: { City: 'Berlin', Priority: 7 },
  });
});

test('what is absent is left out or null, as clients know it', () => {
  const more = { AllowedIPs: [], Tags: [], PrimaryRoutes: [] };
  const json = encodeStatus(assembleStatus(input([fakeNode({ id: 2, more })]), true));
  const [peer] = Object.values(json['Peer'] as Record<string, Record<string, unknown>>);
  for (const name of [
    'AllowedIPs',
    'Tags',
    'PrimaryRoutes',
    'KeyExpiry',
    'Expired',
    'Location',
    'ShareeNode',
  ])
    expect(peer?.[name]).toBeUndefined();
  expect(peer?.['PeerAPIURL']).toBeNull();
  expect(peer?.['Capabilities']).toBeUndefined();
  expect(json['Health']).toBeNull();
  expect(json['ExitNodeStatus']).toBeUndefined();
});

test('an expired key is told of peers, by the server’s word or by the clock', () => {
  expect(peerOf(fakeNode({ id: 2, more: { Expired: true } })).Expired).toBe(true);
  const past = fakeNode({ id: 2, expiresAt: 1_699_999_999_499 });
  expect(peerOf(past)).toMatchObject({ Expired: true, KeyExpiry: 1_699_999_999_000 });
  expect(peerOf(fakeNode({ id: 2, expiresAt: 1_700_000_000_001 })).Expired).toBe(false);
});

test.each([
  { name: 'not accepted', accepts: false, routes: ['10.0.0.0/8'], says: true },
  { name: 'accepted', accepts: true, routes: ['10.0.0.0/8'], says: false },
  {
    name: 'that are single addresses of the network',
    accepts: false,
    routes: ['100.64.0.9/32'],
    says: false,
  },
])('routes of peers $name: said so $says', ({ accepts, routes, says }) => {
  const peer = fakeNode({ id: 2, more: { PrimaryRoutes: routes } });
  const { Health } = assembleStatus(input([peer], { acceptsRoutes: accepts, health: ['x'] }), false);
  expect(Health).toHaveLength(says ? 2 : 1);
  if (says) expect(Health?.[1]).toBe('Some peers are advertising routes but --accept-routes is false');
});

test('nobody is told that files can be sent, for they can not', () => {
  expect(peerOf(fakeNode({ id: 2 })).TaildropTarget).toBe(TaildropTarget.MissingCap);
  expect(peerOf(fakeNode({ id: 2 }), { state: 'Starting' }).TaildropTarget).toBe(
    TaildropTarget.IpnStateNotRunning,
  );
});

test('without a map there is a Self with what is known', () => {
  const { Self, Peer } = assembleStatus(input([], { map: undefined, state: 'NeedsLogin' }), true);
  expect(Self).toMatchObject({ HostName: 'here', OS: 'linux', Addrs: ['192.0.2.1:41641'] });
  expect(Peer).toBeUndefined();
});
