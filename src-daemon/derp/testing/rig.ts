/** A relay client, a relay in memory and what came of them: the start of each test. */
import { utf8 } from '#shared/bytes/bytes.ts';
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { FrameType } from '#shared/derp/frames.ts';
import { type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import { DerpClients } from '../clients.ts';
import type { RelayState } from '../types.ts';
import { MemoryRelay, type MemoryRelayOptions } from './memory-relay.ts';

export const PEER = nodeKeyFrom(new Uint8Array(32).fill(7));
export const OTHER = nodeKeyFrom(new Uint8Array(32).fill(8));
export const hello = utf8('hello');

const node = (name: string, region: number): Record<string, unknown> => ({
  Name: name,
  RegionID: region,
  HostName: `${name}.example`,
});
export const mapOf = (
  ...regions: readonly { id: number; nodes: readonly string[]; name?: string }[]
): DerpMap =>
  ({
    Regions: Object.fromEntries(
      regions.map(({ id, nodes, name }) => [
        String(id),
        {
          RegionID: id,
          RegionCode: `r${id}`,
          RegionName: name ?? `Region ${id}`,
          Nodes: nodes.map((n) => node(n, id)),
        },
      ]),
    ),
  }) as unknown as DerpMap;
export const MAP = mapOf({ id: 1, nodes: ['1a', '1b'] }, { id: 2, nodes: ['2a'] });

export interface Got {
  readonly region: number;
  readonly from: NodeKey;
  readonly text: string;
}

/** One relay stands for all regions; each link tells by its request which one was meant. */
export function setUp(options: Partial<MemoryRelayOptions> & { readonly clock?: FakeClock } = {}) {
  const clock = options.clock ?? new FakeClock();
  const relay = new MemoryRelay({ latencyMs: 10, ...options, clock });
  const got: Got[] = [];
  const gone: [number, NodeKey, number][] = [];
  const states: RelayState[] = [];
  const privateKey = generatePrivate();
  const clients = new DerpClients({
    clock,
    random: () => 0.5,
    log: silent,
    dial: relay.dial,
    onPacket: (region, from, data) => got.push({ region, from, text: new TextDecoder().decode(data) }),
    onPeerGone: (region, key, reason) => gone.push([region, key, reason]),
    onState: (_, state) => states.push(state),
  });
  clients.setIdentity(privateKey);
  clients.setMap(MAP);
  const state = (region = 1): RelayState | undefined => clients.regions().find((r) => r.region === region);
  const preferred = (): (number | undefined)[] =>
    relay.latest.ofType(FrameType.NotePreferred).map((payload) => payload[0]);
  return { clock, relay, clients, got, gone, states, privateKey, state, preferred };
}
