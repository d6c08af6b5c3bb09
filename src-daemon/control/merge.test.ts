/** Map deltas: the table of control-protocol.md §12.7 and §5.5. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { machineKeyFrom, nodeKeyFrom } from '#shared/key/key.ts';
import { type MapResponse, mapResponse } from '#shared/wire/map.ts';
import { type Node, node, peerChange } from '#shared/wire/node.ts';
import { compareMaps, EMPTY_STREAM, type Merged, mergeMap, type StreamState } from './merge.ts';
import { applyPatch } from './merge-peers.ts';
import { upgradeNode } from './upgrade-node.ts';

const NOW = Date.UTC(2026, 0, 1);
const hexKey = (digit: string): string => digit.repeat(64);
const context = {
  nowMs: NOW,
  nodeKey: nodeKeyFrom(new Uint8Array(32).fill(1)),
  machineKey: machineKeyFrom(new Uint8Array(32).fill(2)),
};
const wire = (id: number, name: string, more: object = {}): object => ({
  ID: id,
  StableID: String(id),
  Name: name,
  User: 1,
  ...more,
});
const message = (raw: object): MapResponse => mapResponse.parse(raw);
const apply = (state: StreamState, raw: object): Merged => mergeMap(state, message(raw), context);
const started = (more: object = {}): StreamState =>
  apply(EMPTY_STREAM, { Node: wire(9, 'self.'), Peers: [wire(1, 'foo'), wire(2, 'bar')], ...more }).state;
const names = (merged: Merged): Record<string, string> =>
  Object.fromEntries([...merged.map.peers].map(([id, peer]) => [id, peer.Name]));

describe('peers', () => {
  test.each([
    {
      name: 'a full list makes the other deltas void',
      raw: { Peers: [wire(1, 'foo'), wire(2, 'bar')], PeersRemoved: [2] },
      want: { 1: 'foo', 2: 'bar' },
    },
    {
      name: 'whole nodes are put in by id',
      raw: { PeersChanged: [wire(0, 'zero'), wire(2, 'bar2'), wire(3, 'three')] },
      want: { 0: 'zero', 1: 'foo', 2: 'bar2', 3: 'three' },
    },
    { name: 'unknown ids are removed without harm', raw: { PeersRemoved: [1, 3, 4] }, want: { 2: 'bar' } },
    {
      name: 'change and removal go together',
      raw: { PeersChanged: [wire(1, 'foo2')], PeersRemoved: [2] },
      want: { 1: 'foo2' },
    },
    { name: 'nothing changes nothing', raw: {}, want: { 1: 'foo', 2: 'bar' } },
    { name: 'an empty full list changes nothing', raw: { Peers: [] }, want: { 1: 'foo', 2: 'bar' } },
    { name: 'a full list replaces', raw: { Peers: [wire(7, 'new')] }, want: { 7: 'new' } },
  ])('$name', ({ raw, want }) => {
    expect(names(apply(started(), raw))).toEqual(want);
  });

  test('online and seen changes touch known peers only', () => {
    const online = apply(started(), { OnlineChange: { 1: true, 404: true } });
    expect(online.map.peers.get('1')?.Online).toBe(true);
    expect(online.map.peers.size).toBe(2);
    expect(online.change).toEqual({ kind: 'delta', self: false, changed: ['1'], removed: [], other: false });
    const before = started({ Peers: [wire(1, 'foo', { LastSeen: '2020-01-01T00:00:00Z' }), wire(2, 'bar')] });
    const seen = apply(before, { PeerSeenChange: { 1: false, 2: true } });
    expect([seen.map.peers.get('1')?.LastSeen, seen.map.peers.get('2')?.LastSeen]).toEqual([undefined, NOW]);
  });

  test.each([
    { member: 'DERPRegion', patch: { DERPRegion: 4 }, want: { HomeDERP: 4 } },
    {
      member: 'Endpoints',
      patch: { Endpoints: ['1.2.3.4:56'] },
      want: { HomeDERP: 3, Endpoints: ['1.2.3.4:56'] },
    },
    { member: 'no endpoints', patch: { Endpoints: [] }, want: { Endpoints: [] } },
    { member: 'Key', patch: { Key: `nodekey:${hexKey('a')}` }, want: { Key: `nodekey:${hexKey('a')}` } },
    {
      member: 'DiscoKey',
      patch: { DiscoKey: `discokey:${hexKey('b')}` },
      want: { DiscoKey: `discokey:${hexKey('b')}` },
    },
    { member: 'KeySignature', patch: { KeySignature: 'YWJj' }, want: { KeySignature: 'YWJj' } },
    { member: 'Online', patch: { Online: false }, want: { Online: false } },
    { member: 'LastSeen', patch: { LastSeen: '2025-12-31T23:59:59Z' }, want: { LastSeen: NOW - 1_000 } },
    {
      member: 'KeyExpiry',
      patch: { KeyExpiry: '2026-01-01T01:00:01+01:00' },
      want: { KeyExpiry: NOW + 1_000 },
    },
    { member: 'Cap', patch: { Cap: 99 }, want: { Cap: 99 } },
    { member: 'CapMap', patch: { CapMap: {} }, want: { CapMap: {} } },
    { member: 'a name, which is not patchable', patch: { Name: 'evil' }, want: { Name: 'foo' } },
  ])('a patch of $member sets just that', ({ patch, want }) => {
    const before = started({
      Peers: [wire(1, 'foo', { HomeDERP: 3, Endpoints: ['9.9.9.9:9'], CapMap: { x: null } })],
    });
    const merged = apply(before, {
      PeersChangedPatch: [
        { NodeID: 1, ...patch },
        { NodeID: 404, ...patch },
      ],
    });
    expect(merged.map.peers.get('1')).toEqual({ ...before.peers.get('1'), ...want });
    expect(merged.map.peers.size).toBe(1);
  });

  test('ids beyond 2^53 are told apart', () => {
    const one = 9_007_199_254_740_993n;
    const merged = apply(started(), {
      PeersChanged: [
        { ...wire(0, 'a'), ID: one },
        { ...wire(0, 'b'), ID: one + 1n },
      ],
    });
    expect(merged.map.peers.get('9007199254740993')?.Name).toBe('a');
    expect(apply(merged.state, { PeersRemoved: [one] }).map.peers.has('9007199254740994')).toBe(true);
  });

  test('a delta that repeats what is known is no change', () => {
    expect(
      apply(started(), { PeersChanged: [wire(1, 'foo')], Node: wire(9, 'self.') }).change,
    ).toBeUndefined();
  });
});

describe('disco keys', () => {
  const known = upgradeNode(
    node.parse(
      wire(1, 'x', { DiscoKey: `discokey:${hexKey('a')}`, Online: true, LastSeen: '1970-01-01T00:00:01Z' }),
    ),
  );
  const seen = (second: number): object => ({ LastSeen: `1970-01-01T00:00:0${second}Z` });
  const patched = (patch: object): Node => applyPatch(known, peerChange.parse({ NodeID: 1, ...patch }));
  const other = `discokey:${hexKey('b')}`;

  test.each([
    {
      name: 'of an offline peer that was seen later',
      patch: { DiscoKey: other, Online: false, ...seen(2) },
      taken: true,
    },
    {
      name: 'of an offline peer that was not seen since',
      patch: { DiscoKey: other, Online: false, ...seen(1) },
      taken: false,
    },
    { name: 'of an online peer', patch: { DiscoKey: other, Online: true, ...seen(1) }, taken: true },
    { name: 'without a time', patch: { DiscoKey: other, Online: false }, taken: true },
    { name: 'without a state', patch: { DiscoKey: other, ...seen(1) }, taken: true },
  ])('a patch $name: taken $taken', ({ patch, taken }) => {
    expect(patched(patch).DiscoKey).toBe(taken ? other : known.DiscoKey);
  });

  test.each([
    {
      name: 'an offline peer that was not seen since keeps the known key',
      more: { ...seen(1) },
      taken: false,
    },
    { name: 'an online peer brings its new key', more: { Online: true, ...seen(1) }, taken: true },
    { name: 'a peer seen later brings its new key', more: { ...seen(3) }, taken: true },
  ])('in a full list, $name', ({ more, taken }) => {
    const before = started({ Peers: [wire(1, 'x', { DiscoKey: `discokey:${hexKey('a')}`, ...seen(1) })] });
    const merged = apply(before, { Peers: [wire(1, 'x', { DiscoKey: other, ...more })] });
    expect(merged.map.peers.get('1')?.DiscoKey).toBe(taken ? other : `discokey:${hexKey('a')}`);
  });
});

describe('the end of a peer’s key in a patch', () => {
  const KeyExpiry = '2026-01-01T00:00:00Z';
  const ends = (patch: object): number | undefined => {
    const before = started({ Peers: [wire(1, 'x', { KeyExpiry })] });
    return apply(before, { PeersChangedPatch: [{ NodeID: 1, ...patch }] }).map.peers.get('1')?.KeyExpiry;
  };
  test.each([
    { name: 'the zero time means never', patch: { KeyExpiry: '0001-01-01T00:00:00Z' }, want: undefined },
    { name: 'absence leaves it', patch: { Online: true }, want: Date.parse(KeyExpiry) },
    { name: 'null leaves it', patch: { KeyExpiry: null }, want: Date.parse(KeyExpiry) },
    {
      name: 'a time sets it',
      patch: { KeyExpiry: '2027-01-01T00:00:00Z' },
      want: Date.parse('2027-01-01T00:00:00Z'),
    },
  ])('$name', ({ patch, want }) => {
    expect(ends(patch)).toBe(want);
  });
});

describe('node upgrade', () => {
  const a = ['100.64.0.1/32', 'fd7a::1/128', '10.0.0.0/8', '0.0.0.0/0'];
  test.each([
    {
      name: 'HomeDERP wins over DERP',
      raw: { HomeDERP: 1, DERP: '127.3.3.40:2' },
      want: { HomeDERP: 1, DERP: undefined },
    },
    { name: 'DERP becomes HomeDERP', raw: { DERP: '127.3.3.40:2' }, want: { HomeDERP: 2, DERP: undefined } },
    { name: 'a strange DERP is none', raw: { DERP: '10.0.0.1:2' }, want: { HomeDERP: undefined } },
    {
      name: 'absent AllowedIPs are the addresses',
      raw: { Addresses: a.slice(0, 2) },
      want: { AllowedIPs: a.slice(0, 2) },
    },
    {
      name: 'empty AllowedIPs stay empty',
      raw: { Addresses: a.slice(0, 2), AllowedIPs: [] },
      want: { AllowedIPs: [] },
    },
    {
      name: 'an unsigned peer gets no routes',
      raw: { Addresses: a.slice(0, 2), AllowedIPs: a, UnsignedPeerAPIOnly: true },
      want: { AllowedIPs: a.slice(0, 2) },
    },
    {
      name: 'capabilities are keys',
      raw: { Capabilities: ['x', 'y'], CapMap: { y: [1] } },
      want: { CapMap: { x: null, y: [1] } },
    },
  ])('$name', ({ raw, want }) => {
    expect(upgradeNode(node.parse(wire(1, 'n', raw)))).toMatchObject(want);
  });

  test('capabilities called as what every object has are keys, too', () => {
    const raw = wire(1, 'n', { Capabilities: ['constructor', '__proto__', 'x'] });
    const { CapMap } = upgradeNode(node.parse(raw));
    expect(Object.keys(CapMap ?? {}).sort()).toEqual(['__proto__', 'constructor', 'x']);
  });
});

describe('the rest of the map', () => {
  test('a first message without our own node is refused', () => {
    expect(() => apply(EMPTY_STREAM, { Peers: [wire(1, 'foo')] })).toThrow('without our own node');
  });

  test('the first message is a full change, a later self a delta of self', () => {
    const first = apply(EMPTY_STREAM, { Node: wire(9, 'self.'), Peers: [wire(1, 'a')] });
    expect(first.change).toEqual({ kind: 'full', self: true, changed: ['1'], removed: [], other: true });
    const later = apply(first.state, { Node: wire(9, 'renamed.') });
    expect(later.change).toEqual({ kind: 'delta', self: true, changed: [], removed: [], other: false });
    expect(later.map.self.Name).toBe('renamed.');
  });

  test('relays: regions are replaced whole, absent ones kept, null ones dropped', () => {
    const region = (id: number, code: string): object => ({
      RegionID: id,
      RegionCode: code,
      RegionName: code,
      Nodes: [],
    });
    let state = started({ DERPMap: { Regions: { 1: region(1, 'r') }, omitDefaultRegions: true } });
    const next = (derp: object): StreamState['map'] => {
      const merged = apply(state, { DERPMap: derp });
      state = merged.state;
      return merged.map;
    };
    expect(next({})?.derpMap).toMatchObject({
      Regions: { 1: { RegionCode: 'r' } },
      omitDefaultRegions: true,
    });
    expect(next({ Regions: { 2: region(2, 's'), 3: null } })?.derpMap?.Regions).toEqual({
      2: region(2, 's'),
    });
    expect(next({ HomeParams: { RegionScore: { 1: 0.5 } } })?.derpMap).toMatchObject({
      HomeParams: { RegionScore: { 1: 0.5 } },
      Regions: { 2: {} },
    });
    expect(next({ HomeParams: { RegionScore: null } })?.derpMap?.HomeParams?.RegionScore).toEqual({ 1: 0.5 });
    expect(next({ HomeParams: { RegionScore: {} } })?.derpMap?.HomeParams?.RegionScore).toEqual({});
  });

  const rule = (ip: string): object => ({ SrcIPs: [ip], DstPorts: [] });
  const sources = (merged: Merged): (string[] | undefined)[] | undefined =>
    merged.map.filter?.map((r) => r.SrcIPs);
  test.each([
    { name: 'nothing leaves it', raw: {}, want: [['base']] },
    {
      name: 'chunks are joined in the order of their names',
      raw: { PacketFilters: { z: [rule('z')], a: [rule('a')] } },
      want: [['a'], ['base'], ['z']],
    },
    { name: 'PacketFilter is the chunk base', raw: { PacketFilter: [rule('new')] }, want: [['new']] },
    { name: 'an empty PacketFilter blocks everything', raw: { PacketFilter: [] }, want: [] },
    { name: 'null deletes a chunk', raw: { PacketFilters: { base: null } }, want: [] },
    {
      name: 'star with null clears first',
      raw: { PacketFilters: { '*': null, x: [rule('x')] } },
      want: [['x']],
    },
    { name: 'star with rules is ignored', raw: { PacketFilters: { '*': [rule('evil')] } }, want: [['base']] },
  ])('filter: $name', ({ raw, want }) => {
    expect(sources(apply(started({ PacketFilters: { base: [rule('base')] } }), raw))).toEqual(want);
  });

  test('a filter that was never sent is undefined', () => {
    expect(apply(started(), {}).map.filter).toBeUndefined();
  });

  test('health: null and absence keep, an empty list clears', () => {
    const state = started({ Health: ['sick'] });
    expect(apply(state, {}).map.health).toEqual(['sick']);
    expect(apply(state, { Health: null }).map.health).toEqual(['sick']);
    expect(apply(state, { Health: [] }).map.health).toEqual([]);
  });

  test('display messages: set, delete, clear; an unknown severity is medium', () => {
    const state = started({
      DisplayMessages: { a: { Title: 'A', Severity: 'high' }, b: { Title: 'B', Severity: 'odd' } },
    });
    expect(state.map?.displayMessages.get('b')).toEqual({ title: 'B', text: '', severity: 'medium' });
    expect([...apply(state, { DisplayMessages: { a: null } }).map.displayMessages.keys()]).toEqual(['b']);
    expect([
      ...apply(state, { DisplayMessages: { '*': null, c: { Title: 'C' } } }).map.displayMessages.keys(),
    ]).toEqual(['c']);
  });

  test('an empty domain keeps, DNS and SSH policy are replaced whole, users add up', () => {
    const state = started({
      Domain: 'a.example',
      DNSConfig: { Proxied: true, Domains: ['x'] },
      SSHPolicy: { rules: [1] },
      UserProfiles: [{ ID: 1, LoginName: 'a', DisplayName: 'A' }],
    });
    const merged = apply(state, {
      Domain: '',
      DNSConfig: { Domains: ['y'] },
      SSHPolicy: { rules: null },
      UserProfiles: [{ ID: 2, LoginName: 'b', DisplayName: 'B' }],
    });
    expect(merged.map.domain).toBe('a.example');
    expect(merged.map.dns).toEqual({ Domains: ['y'] });
    expect(merged.map.sshPolicy).toEqual({ rules: null });
    expect([...merged.map.users.keys()]).toEqual(['1', '2']);
    expect(merged.change?.other).toBe(true);
  });

  test.each([
    { away: 61_000, want: 61_000 },
    { away: -3_600_000, want: -3_600_000 },
    { away: 59_000, want: 0 },
  ])('a server clock $away ms away is corrected by $want', ({ away, want }) => {
    const merged = apply(started(), { ControlTime: new Date(NOW + away).toISOString() });
    expect(merged.map.clockSkewMs).toBe(want);
    expect(apply(merged.state, {}).map.clockSkewMs).toBe(want);
  });

  test.each([
    { first: 3_600_000, next: 3_600_900, want: 3_600_000 },
    { first: 3_600_000, next: 3_606_000, want: 3_606_000 },
    { first: 60_500, next: 59_600, want: 60_500 },
    { first: 3_600_000, next: 0, want: 0 },
    { first: 3_000, next: -3_000, want: 0 },
  ])('a skew of $first ms that becomes $next ms counts as $want', ({ first, next, want }) => {
    const before = apply(started(), { ControlTime: new Date(NOW + first).toISOString() });
    const after = apply(before.state, { ControlTime: new Date(NOW + next).toISOString() });
    expect(after.map.clockSkewMs).toBe(want);
    expect(after.change !== undefined).toBe(want !== before.map.clockSkewMs);
  });
});

test('a new stream is compared with the map of the one before', () => {
  const old = started().map;
  const fresh = apply(EMPTY_STREAM, { Node: wire(9, 'self.'), Peers: [wire(2, 'bar'), wire(3, 'new')] }).map;
  expect(compareMaps(old, fresh)).toEqual({
    kind: 'full',
    self: false,
    changed: ['3'],
    removed: ['1'],
    other: true,
  });
  expect(compareMaps(undefined, fresh).changed).toEqual(['2', '3']);
});

test('deltas in any order never throw and name exactly what they changed', () => {
  const ids = fc.integer({ min: 1, max: 6 });
  const delta = fc.record(
    {
      Peers: fc.array(
        ids.map((id) => wire(id, `p${id}`)),
        { maxLength: 4 },
      ),
      PeersRemoved: fc.array(ids, { maxLength: 3 }),
      PeersChanged: fc.array(
        fc.tuple(ids, fc.constantFrom('a', 'b')).map(([id, name]) => wire(id, name)),
        { maxLength: 3 },
      ),
      OnlineChange: fc.dictionary(ids.map(String), fc.boolean(), { maxKeys: 3 }),
      PeersChangedPatch: fc.array(
        fc.tuple(ids, fc.boolean()).map(([NodeID, Online]) => ({ NodeID, Online })),
        { maxLength: 3 },
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(delta, { maxLength: 12 }), (deltas) => {
      let state = started();
      for (const raw of deltas) {
        const before = state.peers;
        const merged = apply(state, raw);
        const { peers } = merged.map;
        for (const id of merged.change?.removed ?? [])
          expect([before.has(id), peers.has(id)]).toEqual([true, false]);
        for (const id of ['1', '2', '3', '4', '5', '6'])
          if (peers.has(id) && !merged.change?.changed.includes(id))
            expect(peers.get(id)).toEqual(before.get(id));
        state = merged.state;
      }
    }),
  );
});

test('ten thousand machines joining one by one are merged in a few seconds', () => {
  let state = started();
  for (let i = 10; i < 10_010; i++)
    state = mergeMap(state, { ...message({}), PeersChanged: [node.parse(wire(i, `n${i}`))] }, context).state;
  expect(state.peers.size).toBe(10_002);
}, 8_000);
