/** Official clients against ours through NATs of every kind, over either side's relay. */
import type { Daemon } from '../lab/daemon.ts';
import type { Lab } from '../lab/lab.ts';
import { type MatrixOptions, tryMatrix } from '../lab/matrix.ts';
import { NatNetwork } from '../lab/nat-network.ts';
import { addTwins } from '../lab/nat-table.ts';
import type { SiteKind } from '../lab/site.ts';
import type { Member, TrialResult } from '../lab/trial.ts';
import { eachOf, must } from '../lab/wait.ts';
import { Official } from './official.ts';

export interface MixOptions extends Pick<MatrixOptions, 'kinds' | 'withFailover' | 'said'> {
  /** Path of the official relay; without one the relay is ours. */
  readonly derper?: string;
  /** Whose machine sends the first packet. */
  readonly first: 'official' | 'ours';
}

const AT_ONCE = 3;
const STARTS_AT_ONCE = 2;
/** Official clients look for a better path every few seconds only (nat-traversal.md §7.3). */
const DIRECT_MS = 12_000;

/** Of each kind one site has the official client and one ours; every pair has one of each. */
export async function mixedMatrix(lab: Lab, options: MixOptions): Promise<readonly TrialResult[]> {
  const { kinds, derper, first, ...how } = options;
  const network = await NatNetwork.open(lab, derper === undefined ? {} : { derper });
  const twins = await addTwins(network.net, kinds);
  const official = new Map<SiteKind, Official>();
  const ours = new Map<SiteKind, Daemon>();
  await eachOf([...twins], STARTS_AT_ONCE, async ([kind, [one, two]]) => {
    const [theirSite, ourSite] = first === 'official' ? [one, two] : [two, one];
    const theirs = await Official.start(theirSite.host);
    await theirs.join(network.urlFor(theirSite), network.authKey);
    official.set(kind, theirs);
    await network.join([ourSite]);
    ours.set(kind, network.machine(ourSite.name));
  });
  const of = <T>(from: ReadonlyMap<SiteKind, T>, kind: SiteKind): T => {
    const found = from.get(kind);
    must(found !== undefined, `there is a machine of kind ${kind}`);
    return found;
  };
  return await tryMatrix({
    ...how,
    kinds,
    atOnce: AT_ONCE,
    directMs: DIRECT_MS,
    twins: (kind): readonly [Member, Member] => {
      const pair = [of(official, kind), of(ours, kind)] as const;
      return first === 'official' ? pair : [pair[1], pair[0]];
    },
    after: async (a, b, path) => {
      const via =
        path === 'direct' ? /pong from .* via [\d.[\]:a-f]+:\d+ in / : /pong from .* via DERP\(.+\) in /;
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const [address] = await to.addresses();
        const { stdout } = await from.cli(['ping', '--c', '1', address], { mayFail: true });
        must(via.test(stdout), `ping on ${from.host.name} says: ${stdout.trim()}`);
      }
    },
  });
}
