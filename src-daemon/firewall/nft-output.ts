/** Reads what `nft -j` prints: which chains decide about packets, and which rules in them are ours. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { type ForeignChain, NFT_TABLE, NFT_TAG, HOOKS as PLACES } from './nft-text.ts';

const MAX_LIST = 1_000_000;
const listing = z.looseObject({ nftables: z.array(z.looseObject({})).max(MAX_LIST) });
/** Names end up in a batch of ours, whose language knows no quotes for them: others are out of its reach. */
const name = z.string().regex(/^[A-Za-z_.][A-Za-z0-9/_.-]{0,126}$/);
const chain = z.looseObject({
  family: z.string(),
  table: name,
  name,
  hook: z.string().optional(),
  type: z.string().optional(),
});
const rule = z.looseObject({ handle: z.int(), comment: z.string().optional() });
const table = z.looseObject({ family: z.string(), name, flags: z.unknown().optional() });

export interface NftChains {
  /** Base chains of others that let packets of ours through or not. */
  readonly foreign: readonly Omit<ForeignChain, 'ours'>[];
  /** There are chains of ours; and how many of them are base chains. */
  readonly hasTables: boolean;
  readonly ownHooks: number;
}

/** From `nft -j list chains`. */
export function readChains(text: string): NftChains {
  const foreign: Omit<ForeignChain, 'ours'>[] = [];
  let ownHooks = 0;
  let hasTables = false;
  for (const item of items(text)) {
    const read = chain.safeParse(item['chain']);
    // A chain whose name we could not write down is one we can't change.
    if (!read.success) continue;
    const { family, table: inTable, name: ownName, hook, type } = read.data;
    const isOurs = inTable === NFT_TABLE && (family === 'ip' || family === 'ip6');
    if (isOurs) hasTables = true;
    if (hook === undefined) continue;
    if (isOurs) ownHooks += ownName in PLACES ? 1 : 0;
    else if (type === 'filter' && isFamily(family) && isDeciding(hook) && !inTable.startsWith('rhumb-'))
      foreign.push({ family, table: inTable, chain: ownName, hook });
  }
  return { foreign, hasTables, ownHooks };
}

/** Handles of our rules, from `nft -j -a list chain …`. */
export function readOurs(text: string): number[] {
  return items(text).flatMap((item) => {
    const read = rule.safeParse(item['rule']);
    return read.success && read.data.comment === NFT_TAG ? [read.data.handle] : [];
  });
}

/** Tables that only the program that made them may change, from `nft -j list tables`. */
export function readOwned(text: string): ReadonlySet<string> {
  const owned = items(text).flatMap((item) => {
    const read = table.safeParse(item['table']);
    return read.success && JSON.stringify(read.data.flags ?? '').includes('"owner"')
      ? [`${read.data.family} ${read.data.name}`]
      : [];
  });
  return new Set(owned);
}

function items(text: string): Record<string, unknown>[] {
  // Old versions print nothing at all for an empty list.
  if (text.trim() === '') return [];
  try {
    return listing.parse(JSON.parse(text)).nftables;
  } catch (cause) {
    throw new RhumbError('protocol', "nft: can't read its output; is nftables older than 0.9.1?", { cause });
  }
}

const isFamily = (family: string): family is ForeignChain['family'] =>
  family === 'ip' || family === 'ip6' || family === 'inet';

const isDeciding = (hook: string): hook is ForeignChain['hook'] => hook === 'input' || hook === 'forward';
