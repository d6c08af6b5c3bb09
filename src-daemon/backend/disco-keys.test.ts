/** Disco keys within a session: who is told ours, and how many of a peer's are taken over. */
import { expect, test } from 'vitest';
import { publicOf } from '#shared/crypto/x25519.ts';
import { type DiscoKey, discoKeyFrom, nodeKeyFrom } from '#shared/key/key.ts';
import type { InjectPacket, PeerId } from '../engine/types.ts';
import { testKey } from '../testing/tunnel-host.ts';
import { DiscoKeys } from './disco-keys.ts';
import { encodeDiscoKey } from './inner-packets.ts';
import { PeerIds } from './peer-ids.ts';

const OWN = discoKeyFrom(publicOf(testKey(9)));
const discoKey = (n: number): DiscoKey => discoKeyFrom(publicOf(testKey(100 + n)));

function setUp() {
  const ids = new PeerIds();
  const peers = [1, 2].map((n) => ({ nodeKey: nodeKeyFrom(publicOf(testKey(n))), discoKey: discoKey(n) }));
  ids.assign(peers);
  const sent: InjectPacket[] = [];
  const adopted: PeerId[] = [];
  const clock = { ms: 1_000 };
  const keys = new DiscoKeys({
    ids,
    engine: { inject: (packets) => sent.push(...packets), nowMs: () => clock.ms },
    peers: { tellable: (id) => (id === 1 ? { own: '100.64.0.9', peer: '100.64.0.1' } : undefined) },
    magicsock: { discoKey: OWN, adoptDiscoKey: (id) => adopted.push(id) },
  });
  return { ids, peers, keys, sent, adopted, clock };
}

test('who can understand it is told our key, between addresses of one family', () => {
  const { keys, sent } = setUp();
  keys.tell(1);
  keys.tell(2);
  const data = encodeDiscoKey('100.64.0.9', '100.64.0.1', OWN);
  expect(sent).toEqual([{ kind: 'to-peer', peer: 1, data }]);
});

test('the server’s word of a key that the peer told itself is no news', () => {
  const { ids, peers, keys, adopted } = setUp();
  keys.heard(1, discoKey(3));
  expect(adopted).toEqual([1]);
  const { anew } = ids.assign(peers.map((peer, i) => (i === 0 ? { ...peer, discoKey: discoKey(3) } : peer)));
  expect(anew.size).toBe(0);
});

test('a peer that names one key after another keeps nobody busy, and another peer is heard all the same', () => {
  const { keys, adopted, clock } = setUp();
  for (let i = 0; i < 100; i++) {
    keys.heard(1, discoKey(i % 50));
    clock.ms += 50;
  }
  expect(adopted.length).toBeGreaterThan(2);
  expect(adopted.length).toBeLessThan(12);
  keys.heard(2, discoKey(60));
  expect(adopted.at(-1)).toBe(2);
});

test('a number that means another peer now begins anew', () => {
  const { keys, adopted } = setUp();
  for (let i = 0; i < 10; i++) keys.heard(1, discoKey(i));
  const before = adopted.length;
  keys.forget([1]);
  keys.heard(1, discoKey(20));
  expect(adopted.length).toBe(before + 1);
});
