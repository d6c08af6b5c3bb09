/** A small change of the list of peers leads where the whole list would have led. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { discoKeyFrom, keyBytes, type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import type { Tunnel, TunnelPeer } from '../engine/tunnel.ts';
import type { PeerConfig } from '../magicsock/types.ts';
import { NO_FIREWALL } from '../router/types.ts';
import { PeerIds } from './peer-ids.ts';
import type { PlaneConfig, PlanePeer } from './plane.ts';
import { PlanePeers } from './plane-peers.ts';

const bytes = (n: number): Uint8Array => new Uint8Array(32).fill(n);

const peer = (n: number, disco: number, jailed: boolean): PlanePeer => ({
  nodeKey: nodeKeyFrom(bytes(n)),
  discoKey: discoKeyFrom(bytes(disco)),
  endpoints: [],
  allowedIps: [`100.64.0.${n}/32`],
  wireguardOnly: false,
  jailed,
  nodeId: '',
  homeRegion: undefined,
  isOnline: true,
});

const configOf = (peers: readonly PlanePeer[], own = '100.64.9.9/32'): PlaneConfig => ({
  privateKey: bytes(1) as PlaneConfig['privateKey'],
  addresses: [own],
  peers,
  routes: [],
  localRoutes: [],
  accepts: [],
  firewall: NO_FIREWALL,
  dns: undefined,
  derpMap: undefined,
  filter: [],
  shieldsUp: false,
  engineFlags: {},
});

/** What a tunnel and a path choice would have, by number. */
class Kept<T extends { readonly peer: number }> {
  readonly peers = new Map<number, T>();
  setPeers(list: readonly T[]): void {
    this.peers.clear();
    for (const one of list) this.peers.set(one.peer, one);
  }
  changePeers(removed: readonly number[], set: readonly T[]): void {
    for (const id of removed) this.peers.delete(id);
    for (const one of set) this.peers.set(one.peer, one);
  }
}

const peers = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(2), fc.boolean()), {
  selector: ([n]) => n,
  maxLength: 9,
});

test('after any changes both have what the last list says, under the numbers that are told', () => {
  fc.assert(
    fc.property(fc.array(peers, { minLength: 1, maxLength: 6 }), (lists) => {
      const ids = new PeerIds();
      const tunnel = Object.assign(new Kept<TunnelPeer>(), { peerStatus: () => undefined });
      const paths = new Kept<PeerConfig>();
      const plane = new PlanePeers(ids, paths);
      const made = new Map<string, PlanePeer>();
      const known = new Map<number, NodeKey>();
      for (const list of lists) {
        const wanted = list.map(([n, disco, jailed]) => {
          const name = `${n} ${disco} ${jailed}`;
          const kept = made.get(name) ?? peer(n, 100 + 10 * n + disco, jailed);
          made.set(name, kept);
          return kept;
        });
        const { gone } = plane.apply(configOf(wanted), tunnel as unknown as Tunnel);
        for (const id of gone) known.delete(id);
        const byKey = new Map([...tunnel.peers.values()].map((one) => [nodeKeyFrom(one.publicKey), one]));
        expect([...byKey.keys()].sort()).toEqual(wanted.map(({ nodeKey }) => nodeKey).sort());
        expect(tunnel.peers.size).toBe(wanted.length);
        for (const one of wanted) {
          const id = ids.find(one.nodeKey) ?? -1;
          expect(tunnel.peers.get(id)).toMatchObject({
            publicKey: keyBytes(one.nodeKey),
            jailed: one.jailed,
          });
          expect(paths.peers.get(id)).toMatchObject({ nodeKey: one.nodeKey, discoKey: one.discoKey });
          expect(plane.get(one.nodeKey)).toBe(one);
          expect(plane.tellable(id)?.peer).toBe(one.allowedIps[0]?.split('/')[0]);
          // A number means the same machine until it is told to be gone.
          expect(known.get(id) ?? one.nodeKey).toBe(one.nodeKey);
          known.set(id, one.nodeKey);
        }
        expect(known.size).toBe(wanted.length);
      }
    }),
    { numRuns: 200 },
  );
});

test('nothing is said of peers that stay, but all is when our own address is another', () => {
  const said: unknown[] = [];
  const plane = new PlanePeers(new PeerIds(), {
    setPeers: () => said.push('all'),
    changePeers: () => said.push('some'),
  });
  const tunnel = { setPeers: () => undefined, changePeers: () => undefined, peerStatus: () => undefined };
  const one = peer(1, 101, false);
  const apply = (config: PlaneConfig): void => void plane.apply(config, tunnel as unknown as Tunnel);
  apply(configOf([one]));
  apply(configOf([one]));
  apply(configOf([one, peer(2, 102, false)]));
  apply(configOf([one], '100.64.8.8/32'));
  expect(said).toEqual(['all', 'some', 'all']);
});

test('what failed half-way is done wholly the next time', () => {
  const plane = new PlanePeers(new PeerIds(), new Kept<PeerConfig>());
  const tunnel = new Kept<TunnelPeer>();
  const failing = Object.assign(tunnel, {
    peerStatus: () => undefined,
    changePeers: () => {
      throw new Error('no');
    },
  }) as unknown as Tunnel;
  plane.apply(configOf([peer(1, 101, false)]), failing);
  const wanted = configOf([peer(2, 102, false)]);
  expect(() => plane.apply(wanted, failing)).toThrow('no');
  plane.apply(wanted, failing);
  expect([...tunnel.peers.values()].map(({ allowedIps }) => allowedIps)).toEqual([['100.64.0.2/32']]);
});
