/** Pairs of machines behind NATs for the benchmarks of paths: our daemon, and the official one where its path is given. */
import { Official } from '../e2e/interop/official.ts';
import { whyNoInterop } from '../e2e/interop/programs.ts';
import type { Figures, Skipped } from '../e2e/lab/figures.ts';
import { Lab } from '../e2e/lab/lab.ts';
import { matrixFigures, tryMatrix } from '../e2e/lab/matrix.ts';
import { NatNetwork } from '../e2e/lab/nat-network.ts';
import { addTwins } from '../e2e/lab/nat-table.ts';
import type { SiteKind } from '../e2e/lab/site.ts';
import type { Member } from '../e2e/lab/trial.ts';
import { eachOf, must } from '../e2e/lab/wait.ts';

export interface PairsOptions {
  readonly kinds: readonly SiteKind[];
  readonly withFailover: boolean;
}

/** One way between any two sites, and between a site and the servers. */
const DELAY_MS = 20;
/** Few, because what a pair waits for the processor would be taken for the network. */
const AT_ONCE = 2;
const STARTS_AT_ONCE = 2;

export async function measureOurs(options: PairsOptions): Promise<Figures> {
  return await measure(options, async (network) => {
    await network.join(network.net.sites);
    return (name) => network.machine(name);
  });
}

/** The same pairs with official clients; what is skipped, and why, where they are not given. */
export async function measureOfficial(
  options: PairsOptions,
): Promise<{ readonly peers?: Readonly<Record<string, Figures>>; readonly skipped: readonly Skipped[] }> {
  const why = whyNoInterop('tailscaled', 'tailscale');
  if (why !== undefined) return { skipped: [{ what: 'the official client', why }] };
  let version = '';
  const figures = await measure(options, async (network) => {
    const members = new Map<string, Official>();
    await eachOf(network.net.sites, STARTS_AT_ONCE, async (site) => {
      const member = await Official.start(site.host);
      await member.join(network.urlFor(site), network.authKey);
      version = (await member.status()).Version.split('-')[0] ?? '';
      members.set(site.name, member);
    });
    return (name) => members.get(name);
  });
  return { peers: { [`tailscaled ${version}`]: figures }, skipped: [] };
}

async function measure(
  { kinds, withFailover }: PairsOptions,
  start: (network: NatNetwork) => Promise<(name: string) => Member | undefined>,
): Promise<Figures> {
  await using lab = await Lab.open();
  const network = await NatNetwork.open(lab);
  const twins = await addTwins(network.net, kinds);
  await network.net.weather({ delayMs: DELAY_MS });
  const named = await start(network);
  const results = await tryMatrix({
    kinds,
    withFailover,
    atOnce: AT_ONCE,
    twins: (kind) => {
      const [a, b] = (twins.get(kind) ?? []).map(({ name }) => named(name));
      must(a !== undefined && b !== undefined, `both machines of kind ${kind} are there`);
      return [a, b];
    },
  });
  return matrixFigures(results);
}
