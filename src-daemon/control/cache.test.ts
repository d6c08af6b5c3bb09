/** The cached network map comes back as it was, or not at all. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { machineKeyFrom, nodeKeyFrom } from '#shared/key/key.ts';
import { mapResponse } from '#shared/wire/map.ts';
import { decodeNetworkMap, encodeNetworkMap } from './cache.ts';
import { compareMaps, EMPTY_STREAM, mergeMap } from './merge.ts';
import { sameValue } from './same-value.ts';

const key = (digit: string): string => `nodekey:${digit.repeat(64)}`;
const context = {
  nowMs: 0,
  nodeKey: nodeKeyFrom(new Uint8Array(32).fill(1)),
  machineKey: machineKeyFrom(new Uint8Array(32).fill(2)),
};
const { map } = mergeMap(
  EMPTY_STREAM,
  mapResponse.parse({
    Node: {
      ID: 1,
      StableID: '1',
      Name: 'self.net.',
      User: 1,
      Key: key('a'),
      KeyExpiry: '2026-05-01T10:00:00.123Z',
      Created: '2026-01-01T00:00:00Z',
      Addresses: ['100.64.0.1/32'],
      CapMap: { 'https://tailscale.com/cap/ssh': null, x: [{ deep: 1 }] },
      SomethingNew: { kept: true },
    },
    Peers: [
      {
        ID: 9_007_199_254_740_993n,
        StableID: 'b',
        Name: 'big.net.',
        User: 2,
        Key: key('b'),
        LastSeen: '2026-01-02T00:00:00Z',
        Online: false,
        Endpoints: ['[2001:db8::1]:41641'],
      },
      { ID: 3, StableID: 'c', Name: 'c.net.', User: 2, Key: key('c'), AllowedIPs: [] },
    ],
    UserProfiles: [{ ID: 2, LoginName: 'a@b', DisplayName: 'A' }],
    DNSConfig: { Proxied: true, Routes: { 'x.': [], 'y.': [{ Addr: '1.1.1.1' }] } },
    DERPMap: { Regions: { 900: { RegionID: 900, RegionCode: 'x', RegionName: 'X', Nodes: [] } } },
    Domain: 'net',
    PacketFilters: { base: [{ SrcIPs: ['*'], DstPorts: [{ IP: '*', Ports: { First: 0, Last: 65_535 } }] }] },
    SSHPolicy: { rules: null },
    Health: ['unwell'],
    DisplayMessages: { m: { Title: 'T', Text: 'x', Severity: 'high' } },
  }),
  context,
);

test('a map comes back as it was, ids beyond 2^53 and unknown members included', () => {
  const back = decodeNetworkMap(encodeNetworkMap(map));
  expect(back === undefined ? undefined : compareMaps(map, back)).toEqual({
    kind: 'full',
    self: false,
    changed: [],
    removed: [],
    other: true,
  });
  expect(sameValue(back, map)).toBe(true);
  expect(back?.peers.get('9007199254740993')?.Name).toBe('big.net.');
});

test('a map of a server that says little comes back too', () => {
  const little = mergeMap(
    EMPTY_STREAM,
    mapResponse.parse({ Node: { ID: 1, StableID: '1', Name: 'a.', User: 1 } }),
    context,
  );
  expect(sameValue(decodeNetworkMap(encodeNetworkMap(little.map)), little.map)).toBe(true);
});

test('half a file, another version and rubbish are no map', () => {
  const whole = encodeNetworkMap(map);
  expect(decodeNetworkMap(whole.slice(0, whole.length >> 1))).toBeUndefined();
  expect(decodeNetworkMap(whole.replace('"version":1', '"version":2'))).toBeUndefined();
  for (const rubbish of ['', 'null', '[]', '{}', '{"version":1}'])
    expect(decodeNetworkMap(rubbish)).toBeUndefined();
  fc.assert(
    fc.property(fc.string(), (any) => {
      expect(decodeNetworkMap(any)).toBeUndefined();
    }),
  );
});
