/** The firewall by `nft`: every change is one transaction, accepts in the chains of others included. */
import { RhumbError } from '#shared/errors.ts';
import { readChains, readOurs, readOwned } from './nft-output.ts';
import { type ForeignChain, nftAccepts, nftAcceptsGone, nftTables, nftTablesGone } from './nft-text.ts';
import type { FirewallPlan } from './rules.ts';
import { must, type Tool } from './tool.ts';

/** Others change their rules while we look at them: what we saw may be gone when we come to change it. */
const ATTEMPTS = 3;
/** Five places in each of two families. */
const OWN_HOOKS = 10;

export interface NftWish {
  readonly plan: FirewallPlan;
  readonly accepts: Pick<FirewallPlan, 'input' | 'forward'>;
  /** Whether packets are sent through the rules at all. */
  readonly diverts: boolean;
}

export interface NftState {
  /** Base chains of others, with our rules in them. */
  readonly foreign: readonly ForeignChain[];
  /** There are tables of ours; and all the base chains in them. */
  readonly hasTables: boolean;
  readonly isWhole: boolean;
  /** Tables with such chains that nobody but their owner may change. */
  readonly owned: readonly string[];
}

export async function readNft(nft: Tool): Promise<NftState> {
  const chains = readChains(must(await nft(['-j', 'list', 'chains']), 'nft list chains'));
  const ownedTables =
    chains.foreign.length === 0
      ? new Set<string>()
      : readOwned(must(await nft(['-j', 'list', 'tables']), 'nft list tables'));
  const foreign: ForeignChain[] = [];
  const owned = new Set<string>();
  for (const at of chains.foreign) {
    const tableName = `${at.family} ${at.table}`;
    if (ownedTables.has(tableName)) {
      owned.add(tableName);
      continue;
    }
    const rules = await nft(['-j', '-a', 'list', 'chain', at.family, at.table, at.chain]);
    // Gone since.
    if (rules.code !== 0) continue;
    foreign.push({ ...at, ours: readOurs(rules.stdout) });
  }
  const { hasTables, ownHooks } = chains;
  return { foreign, hasTables, isWhole: ownHooks === OWN_HOOKS, owned: [...owned] };
}

/** Whether everything that `wish` puts somewhere is still there; what is in our own tables is nobody else's to change. */
export function isInForce({ accepts, diverts }: NftWish, state: NftState): boolean {
  if (!diverts) return state.foreign.every(({ ours }) => ours.length === 0);
  return state.isWhole && state.foreign.every(({ hook, ours }) => ours.length === accepts[hook].length);
}

export async function applyNft(nft: Tool, wish: NftWish): Promise<NftState> {
  return await change(nft, ({ foreign }) => [
    ...nftTables(wish.plan, wish.diverts),
    ...foreign.flatMap((at) => (wish.diverts ? nftAccepts(at, wish.accepts[at.hook]) : nftAcceptsGone(at))),
  ]);
}

/** Takes everything back but the kill switch; true when there was something. */
export async function clearNft(nft: Tool): Promise<boolean> {
  const { foreign, hasTables } = await change(nft, (state) => [
    ...nftTablesGone(),
    ...state.foreign.flatMap(nftAcceptsGone),
  ]);
  return hasTables || foreign.some(({ ours }) => ours.length > 0);
}

async function change(nft: Tool, lines: (state: NftState) => readonly string[]): Promise<NftState> {
  for (let attempt = 1; ; attempt++) {
    const state = await readNft(nft);
    const result = await nft(['-f', '-'], `${lines(state).join('\n')}\n`);
    if (result.code === 0) return state;
    if (attempt === ATTEMPTS || !/No such file or directory/.test(result.stderr))
      throw asError(result.stderr, result.code);
  }
}

/** Runs one transaction that needs no look at what is there. */
export async function runNft(nft: Tool, lines: readonly string[]): Promise<void> {
  const result = await nft(['-f', '-'], `${lines.join('\n')}\n`);
  if (result.code !== 0) throw asError(result.stderr, result.code);
}

/** The first complaint says it; the rest shows where in the batch. */
function asError(stderr: string, code: number): RhumbError {
  const [first = ''] = stderr.split('\n').filter((line) => line.trim() !== '');
  if (/Operation not permitted/.test(stderr))
    return new RhumbError('not-allowed', 'nft: not permitted; run rhumbd as root or with CAP_NET_ADMIN');
  return new RhumbError('unavailable', `nft: ${first.trim() || `exit status ${code}`}`);
}
