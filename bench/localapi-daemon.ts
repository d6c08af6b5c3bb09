/** For `localapi`: a process that serves the local API of a network of thousands, and changes one machine when told. */

import {
  direct,
  type FakePlane,
  fakeMap,
  fakeNode,
  fakeWorld,
  MemoryMapCache,
} from '../src-daemon/backend/fake-world.ts';
import { OverlayMap } from '../src-daemon/control/overlay-map.ts';
import type { NetworkMap } from '../src-daemon/control/types.ts';
import { LocalApiServer } from '../src-daemon/localapi/server.ts';
import { MetricsRegistry } from '../src-daemon/metrics/metrics.ts';
import { discoKeyFrom, nodeKeyFrom } from '../src-shared/key/key.ts';
import { newPrefs } from '../src-shared/localapi/prefs.ts';
import { silent } from '../src-shared/log/log.ts';
import type { Node } from '../src-shared/wire/node.ts';

const [socketPath = '', peersText = '0'] = process.argv.slice(2);
const peers = Number(peersText);

const keyOf = (n: number): Uint8Array => {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, n + 1);
  key[31] = 7;
  return key;
};

const FIRST_ID = 9_007_199_254_740_993n;
const idOf = (i: number): string => String(FIRST_ID + BigInt(i));

/** Every tenth has traffic. */
const isBusy = (i: number): boolean => i % 10 === 0;

function machine(i: number, online: boolean): Node {
  const name = `machine-${i}`;
  return fakeNode({
    // Beyond what a double holds, as ids of large networks are.
    id: FIRST_ID + BigInt(i),
    key: nodeKeyFrom(keyOf(i)),
    name,
    expiresAt: 1_999_999_999_000,
    more: {
      StableID: `n${i}CNTRL`,
      DiscoKey: discoKeyFrom(keyOf(100_000 + i)),
      Addresses: [
        `100.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`,
        `fd7a:115c:a1e0::${(i + 16).toString(16)}/128`,
      ],
      Endpoints: [`203.0.113.${i & 255}:${1_024 + i}`, `192.168.1.${i & 255}:41641`],
      Created: 1_700_000_000_000,
      Tags: i % 3 === 0 ? ['tag:server'] : undefined,
      CapMap: { 'https://example.com/cap/a': null },
      Online: online,
      LastSeen: online ? undefined : 1_800_000_000_000,
    },
  });
}

/** Keeps nothing: what a map costs on disk is not measured here. */
class NoMapCache extends MemoryMapCache {
  override put(): void {}
}

const world = await fakeWorld({ isUnwatched: true, mapCache: new NoMapCache() });
await world.backend.startWith({
  UpdatePrefs: { ...newPrefs(), ControlURL: 'http://control.example', WantRunning: true },
  AuthKey: 'key',
});
const all = Array.from({ length: peers }, (_, i) => machine(i, true));
let listed = OverlayMap.from(all.map((node) => [String(node.ID), node] as const));
let map: NetworkMap = await world.join([], { peers: listed });
for (const [i, { Key }] of all.entries())
  if (Key !== undefined && isBusy(i))
    (world.plane as FakePlane).live.set(Key, {
      lastHandshakeMs: world.clock.now() - 5_000,
      lastWriteMs: world.clock.now() - 100,
      rxBytes: 123_456_789,
      txBytes: 987_654_321,
      path: direct('203.0.113.9:41641'),
      wireguard: 'established',
      active: true,
    });
const server = await LocalApiServer.listen({
  socketPath,
  backend: world.backend,
  clock: world.clock,
  version: '1.2.3-t0123456789',
  capability: 130,
  clientMetrics: new MetricsRegistry(),
  userMetrics: new MetricsRegistry(),
  shutdown: () => undefined,
  log: silent,
  daemonUid: 0,
  credentialsOf: () => ({ pid: 1, uid: 0, gid: 0 }),
  uidOf: async () => undefined,
});

/** Machines go off and on again, one after another. */
async function change(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const at = i % peers;
    const before = map.peers.get(idOf(at));
    const node = machine(at, before?.Online === false);
    listed = listed.with(new Map([[String(node.ID), node]]));
    map = { ...fakeMap(map.self, []), nodeKey: map.nodeKey, users: map.users, peers: listed };
    const changed = [String(node.ID)];
    world.control().events.netmap(map, { kind: 'delta', self: false, changed, removed: [], other: false });
    await world.backend.idle();
    // As in life: readers get a turn between two changes.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

process.on('message', (count: number) => {
  const before = process.cpuUsage();
  change(count)
    .then(() => {
      const { user, system } = process.cpuUsage(before);
      process.send?.({ cpuMs: (user + system) / 1_000 });
    })
    .catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    });
});
process.once('disconnect', () => {
  const exit = (): never => process.exit(0);
  server[Symbol.asyncDispose]().then(exit, exit);
});
process.send?.('ready');
