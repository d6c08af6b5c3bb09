/** Our engine and wireguard-go on one switch, as two plain WireGuard peers. */
import type { Host } from './host.ts';
import type { Lab } from './lab.ts';
import { must } from './wait.ts';
import { startWgPeer, type WgPeer } from './wg-peer.ts';
import {
  makeKeys,
  makePresharedKey,
  startWireGuardGo,
  type WireGuard,
  type WireGuardKeys,
  type WireGuardOptions,
} from './wireguard-go.ts';

const PORT = 51_820;
export const OURS = ['10.0.0.1', 'fd00::1'] as const;
export const THEIRS = ['10.0.0.2', 'fd00::2'] as const;

export interface Pair {
  readonly ours: Host;
  readonly theirs: Host;
  readonly ourKeys: WireGuardKeys;
  readonly theirKeys: WireGuardKeys;
  readonly ourOptions: WireGuardOptions;
  readonly theirOptions: WireGuardOptions;
}

export interface PairOptions {
  readonly name: string;
  /** Who knows the other's endpoint, and so must begin. */
  readonly initiator: 'ours' | 'theirs';
  readonly withPresharedKey: boolean;
}

export async function makePair(lab: Lab, { name, initiator, withPresharedKey }: PairOptions): Promise<Pair> {
  const lan = await lab.addSwitch(name);
  const ours = await lab.addHost(`${name}-o`, { on: [lan] });
  const theirs = await lab.addHost(`${name}-t`, { on: [lan] });
  const [ourKeys, theirKeys] = [await makeKeys(), await makeKeys()];
  const psk = withPresharedKey ? { presharedKey: await makePresharedKey() } : {};
  const endpoint = (of: Host, known: boolean): { endpoint?: string } =>
    known ? { endpoint: `${of.v4}:${PORT}` } : {};
  const hostPrefixes = ([v4, v6]: readonly [string, string]): string[] => [`${v4}/32`, `${v6}/128`];
  return {
    ours,
    theirs,
    ourKeys,
    theirKeys,
    ourOptions: {
      keys: ourKeys,
      port: PORT,
      addresses: hostPrefixes(OURS),
      peers: [
        {
          publicKey: theirKeys.publicKey,
          allowedIps: hostPrefixes(THEIRS),
          ...psk,
          ...endpoint(theirs, initiator === 'ours'),
        },
      ],
    },
    theirOptions: {
      keys: theirKeys,
      port: PORT,
      addresses: hostPrefixes(THEIRS),
      peers: [
        {
          publicKey: ourKeys.publicKey,
          allowedIps: hostPrefixes(OURS),
          ...psk,
          ...endpoint(ours, initiator === 'theirs'),
        },
      ],
    },
  };
}

export interface RunningPair {
  readonly us: WgPeer;
  readonly them: WireGuard;
}

export async function startPair(pair: Pair): Promise<RunningPair> {
  const us = await startWgPeer(pair.ours, pair.ourOptions);
  const program = process.env['RHUMB_BENCH_WIREGUARD_GO'];
  const them = await startWireGuardGo(pair.theirs, {
    ...pair.theirOptions,
    ...(program === undefined ? {} : { program: [program] }),
  });
  return { us, them };
}

/** The initiator's first packet must arrive; then both ways, both families, small and large. */
export async function exchange(pair: Pair, initiator: 'ours' | 'theirs'): Promise<void> {
  const ourSide = [pair.ours, THEIRS] as const;
  const theirSide = [pair.theirs, OURS] as const;
  const order = initiator === 'ours' ? [ourSide, theirSide] : [theirSide, ourSide];
  for (const [host, addresses] of order) {
    for (const address of addresses) {
      const small = await host.ping(address, { waitMs: 5_000 });
      must(small.received === 1, `${host.name} reaches ${address}`);
      const large = await host.ping(address, { count: 20, size: 1_300 });
      must(large.received === 20, `${host.name} sends large packets to ${address}: ${large.received} of 20`);
    }
  }
}
