/** Many peers at once: what a change that concerns all of them costs, and how soon each has had its turn. */
import { expect, test } from 'vitest';
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { discoKeyFrom, nodeKeyFrom } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { DiscoBox } from '../disco/disco-box.ts';
import { Magicsock } from './magicsock.ts';
import { at } from './scene.ts';
import type { PeerConfig } from './types.ts';

const PEERS = 400;

const publicKey = (): Uint8Array => publicOf(generatePrivate());

/** Nobody ever answers; `asked` has the time of each ping. */
function crowd(): {
  readonly magicsock: Magicsock;
  readonly clock: FakeClock;
  readonly asked: Map<string, number[]>;
} {
  const clock = new FakeClock();
  const asked = new Map<string, number[]>();
  const noted = (to: SockAddr): void => {
    const key = formatSockAddr(to);
    asked.set(key, [...(asked.get(key) ?? []), clock.monotonic()]);
  };
  const magicsock = new Magicsock({
    sendUdp: noted,
    sendRelay: () => undefined,
    relayFor: () => 1,
    setPath: () => undefined,
    activity: (peers) =>
      peers.map((peer) => ({
        peer,
        lastTxAny: clock.monotonic(),
        lastRxAny: 0,
        rxBestAt: 0,
        unansweredSince: 0,
      })),
    met: () => undefined,
    endpoints: () => ({ list: [at('203.0.113.1')], ageMs: 0 }),
    refreshEndpoints: async () => ({ list: [at('203.0.113.1')], ageMs: 0 }),
    nat: () => ({ varies: false, ports: [], portMapped: false }),
    openSocket: () => undefined,
    closeSocket: () => undefined,
    nowMs: () => clock.monotonic(),
    clock,
    log: silent,
    discoPrivate: generatePrivate(),
    nodeKey: nodeKeyFrom(publicKey()),
  });
  return { magicsock, clock, asked };
}

const peers = (addresses: number): PeerConfig[] =>
  Array.from({ length: PEERS }, (_, i) => ({
    peer: i + 1,
    nodeKey: nodeKeyFrom(publicKey()),
    discoKey: discoKeyFrom(publicKey()),
    endpoints: Array.from({ length: addresses }, (_, j) => at(`198.18.${i >> 6}.${i & 63}`, 1_000 + j)),
    wireguardOnly: false,
    homeRegion: 1,
  }));

test('four hundred peers that are wanted at once have all been asked everywhere within two seconds', async () => {
  const { magicsock, clock, asked } = crowd();
  const list = peers(8);
  magicsock.setPeers(list);
  for (const { peer } of list) magicsock.wantPath(peer);
  await clock.advance(2_000);
  expect(asked.size).toBe(8 * PEERS);
});

test('a search of four hundred peers that leads nowhere stays within a thousand pings a second', async () => {
  const { magicsock, clock, asked } = crowd();
  const list = peers(8);
  magicsock.setPeers(list);
  for (const { peer } of list) magicsock.wantPath(peer);
  await clock.advance(20_000);
  const sent = [...asked.values()].flat();
  expect(sent.length).toBeLessThan(4_000 + 20 * 1_000);
  expect(sent.filter((ms) => ms > clock.monotonic() - 10_000).length).toBeGreaterThan(5 * PEERS);
});

test('a peer that calls without end is listened to twice a second', async () => {
  const { magicsock, clock, asked } = crowd();
  const priv = generatePrivate();
  const box = new DiscoBox(priv);
  box.setPeers([magicsock.discoKey]);
  const [peer] = peers(0);
  if (peer === undefined) throw new TypeError('no peer');
  magicsock.setPeers([{ ...peer, discoKey: box.publicKey }]);
  for (let i = 0; i < 400; i++) {
    const call = { type: 'call-me-maybe', endpoints: [at('198.51.100.1', 1_000 + i)] } as const;
    const datagram = box.seal(magicsock.discoKey, call);
    if (datagram !== undefined) magicsock.handleRelayedDisco(1, peer.nodeKey, datagram);
    await clock.advance(25);
  }
  expect(asked.size).toBeGreaterThan(20);
  expect(asked.size).toBeLessThanOrEqual(30);
  expect(magicsock.counters()['drop.called-too-often']).toBe(400 - asked.size);
});
