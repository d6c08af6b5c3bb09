/** What differs between two lists of peers, and who among them is the same machine under another key. */
import { expect, test } from 'vitest';
import { discoKeyFrom, type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import { peerChanges } from './peer-changes.ts';
import { PeerIds } from './peer-ids.ts';
import type { PlanePeer } from './plane.ts';

const key = (byte: number): NodeKey => nodeKeyFrom(new Uint8Array(32).fill(byte));
const disco = (byte: number) => discoKeyFrom(new Uint8Array(32).fill(byte));
const peer = (id: number, more: Partial<PlanePeer> = {}): PlanePeer => ({
  nodeId: `n${id}`,
  nodeKey: key(id),
  discoKey: disco(id),
  endpoints: [],
  allowedIps: [`100.64.0.${id}/32`],
  wireguardOnly: false,
  jailed: false,
  homeRegion: undefined,
  isOnline: true,
  ...more,
});
const [a, b, c] = [peer(1), peer(2), peer(3)];

test('what stays keeps its object and is no change', () => {
  expect(peerChanges([a, b], [a, b])).toEqual({ set: [], removed: [], renewed: new Map() });
  const changed = peer(2, { isOnline: false });
  expect(peerChanges([a, b, c], [a, changed, c])).toMatchObject({ set: [changed], removed: [] });
  expect(peerChanges([a, b, c], [a, c])).toMatchObject({ set: [], removed: [b.nodeKey] });
});

test('a machine that signs in anew is the same peer under another key', () => {
  const again = peer(2, { nodeKey: key(9) });
  const { set, removed, renewed } = peerChanges([a, b, c], [a, again, c]);
  expect(set).toEqual([again]);
  expect(removed).toEqual([]);
  expect([...renewed]).toEqual([[b.nodeKey, again]]);
});

test.each<{ name: string; more: Partial<PlanePeer> }>([
  { name: 'was started anew', more: { discoKey: disco(9) } },
  { name: 'has no disco key', more: { discoKey: undefined } },
  { name: 'may not begin anything any more', more: { jailed: true } },
  { name: 'is another', more: { nodeId: 'n9' } },
])('a machine with another key that $name begins anew', ({ more }) => {
  const { removed, renewed } = peerChanges([a, b], [a, peer(2, { nodeKey: key(9), ...more })]);
  expect(removed).toEqual([b.nodeKey]);
  expect(renewed.size).toBe(0);
});

test('the number goes with the machine, unless the key has one of its own', () => {
  const ids = new PeerIds();
  ids.assign([a, b]);
  const id = ids.find(b.nodeKey);
  expect(ids.renew(b.nodeKey, key(9))).toBe(id);
  expect(ids.find(b.nodeKey)).toBeUndefined();
  expect(id === undefined ? undefined : ids.keyOf(id)).toBe(key(9));
  expect(ids.renew(key(9), a.nodeKey)).toBeUndefined();
  expect(ids.renew(key(8), key(7))).toBeUndefined();
  // The map names the disco key of before: no new start.
  expect(ids.change([], [peer(2, { nodeKey: key(9) })])).toEqual({ gone: [], anew: new Map() });
});
