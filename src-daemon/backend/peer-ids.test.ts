/** Numbers of peers: stable, reused late, new for a machine that started anew. */
import { expect, test } from 'vitest';
import { type DiscoKey, discoKeyFrom, type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import { PeerIds } from './peer-ids.ts';

const key = (byte: number): NodeKey => nodeKeyFrom(new Uint8Array(32).fill(byte));
const disco = (byte: number): DiscoKey => discoKeyFrom(new Uint8Array(32).fill(byte));
const peer = (byte: number, discoByte?: number) => ({
  nodeKey: key(byte),
  discoKey: discoByte === undefined ? undefined : disco(discoByte),
});

test('a peer keeps its number while it is wanted', () => {
  const ids = new PeerIds();
  ids.assign([peer(1, 1), peer(2)]);
  const first = ids.find(key(2));
  ids.assign([peer(3), peer(2)]);
  expect(ids.find(key(2))).toBe(first);
  expect(ids.find(key(1))).toBeUndefined();
  expect(ids.keyOf(ids.find(key(3)) ?? 0)).toBe(key(3));
});

test('a number that is free again is not given out at once', () => {
  const ids = new PeerIds();
  ids.assign([peer(1)]);
  const old = ids.find(key(1));
  ids.assign([]);
  ids.assign([peer(2)]);
  expect(ids.find(key(2))).not.toBe(old);
  expect(ids.keyOf(old ?? 0)).toBeUndefined();
});

test('another disco key is a machine that started anew: it gets another number', () => {
  const ids = new PeerIds();
  ids.assign([peer(1, 1)]);
  const before = ids.find(key(1));
  ids.assign([peer(1)]); // the server doesn't say: nothing is known to have changed
  expect(ids.find(key(1))).toBe(before);
  ids.assign([peer(1, 2)]);
  expect(ids.find(key(1))).not.toBe(before);
});

test('those that begin anew are named with the number they had; one that told its key itself does not', () => {
  const ids = new PeerIds();
  ids.assign([peer(1, 1), peer(2, 2)]);
  const [first, second] = [ids.find(peer(1).nodeKey), ids.find(peer(2).nodeKey)];
  ids.told(second as number, peer(2, 9).discoKey as DiscoKey);
  const { anew } = ids.assign([peer(1, 8), peer(2, 9)]);
  expect([...anew]).toEqual([[peer(1).nodeKey, first]]);
  expect(ids.find(peer(2).nodeKey)).toBe(second);
});
