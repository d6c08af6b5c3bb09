/** Prints the firewall in the language of `nft -f`: own tables, and accepts in the chains of others. */
import { type Action, type FirewallPlan, MARK_MASK, type Match, type Place, type Rule } from './rules.ts';

/** Our tables, one in each of the families `ip` and `ip6`. */
export const NFT_TABLE = 'rhumb';
/** On each rule of ours in a chain of others, so that it is found again. */
export const NFT_TAG = 'rhumb';

/**
 * Drops of ours come before others may accept (it makes no difference) and marks before others may drop; the
 * connection marks sit where iptables has its mangle table, NAT just ahead of where others translate.
 */
export const HOOKS: Readonly<Record<Place, string>> = {
  input: 'type filter hook input priority -5',
  forward: 'type filter hook forward priority -5',
  postrouting: 'type nat hook postrouting priority 95',
  prerouting: 'type filter hook prerouting priority -150',
  output: 'type filter hook output priority -150',
};
const PLACES = Object.keys(HOOKS) as readonly Place[];

export interface ForeignChain {
  readonly family: 'ip' | 'ip6' | 'inet';
  readonly table: string;
  readonly chain: string;
  readonly hook: 'input' | 'forward';
  /** Handles of our rules there, in order. */
  readonly ours: readonly number[];
}

/**
 * One transaction that leaves exactly `plan`, whatever was there. The rules are in chains without a hook, and base
 * chains jump to them: without diversion the base chains are missing, and who likes may jump there from a base chain of
 * their own in this table, which stays theirs.
 */
export function nftTables(plan: FirewallPlan, diverts: boolean): string[] {
  return ([4, 6] as const).flatMap((family) => {
    const table = `${family === 4 ? 'ip' : 'ip6'} ${NFT_TABLE}`;
    return [
      `add table ${table}`,
      ...PLACES.flatMap((place) => [
        `add chain ${table} rhumb-${place}`,
        `flush chain ${table} rhumb-${place}`,
        ...plan[place]
          .filter((rule) => rule.family === undefined || rule.family === family)
          .map((rule) => `add rule ${table} rhumb-${place} ${nftRule(rule, family)}`),
        `add chain ${table} ${place} { ${HOOKS[place]}; policy accept; }`,
        `flush chain ${table} ${place}`,
        diverts ? `add rule ${table} ${place} jump rhumb-${place}` : `delete chain ${table} ${place}`,
      ]),
    ];
  });
}

/** Adding first makes deleting succeed where there is nothing. */
export const nftTablesGone = (): string[] =>
  ['ip', 'ip6'].flatMap((family) => [
    `add table ${family} ${NFT_TABLE}`,
    `delete table ${family} ${NFT_TABLE}`,
  ]);

/** Puts our accepts at the head of a chain, in place of those that are there. */
export function nftAccepts(at: ForeignChain, rules: readonly Rule[]): string[] {
  return [
    ...nftAcceptsGone(at),
    // Each insertion goes to the head: the last rule first.
    ...[...rules]
      .reverse()
      .map(
        (rule) =>
          `insert rule ${nameOf(at)} ${nftRule(rule, at.family === 'ip6' ? 6 : 4)} comment "${NFT_TAG}"`,
      ),
  ];
}

export const nftAcceptsGone = (at: ForeignChain): string[] =>
  at.ours.map((handle) => `delete rule ${nameOf(at)} handle ${handle}`);

const nameOf = ({ family, table, chain }: ForeignChain): string => `${family} ${table} ${chain}`;

function nftRule({ when, act }: Rule, family: 4 | 6): string {
  return [...when.map((match) => nftMatch(match, family)), nftAction(act)].join(' ');
}

function nftMatch(match: Match, family: 4 | 6): string {
  const mask = hex(MARK_MASK);
  switch (match.on) {
    case 'in':
      return `iifname "${match.name}"`;
    case 'not-in':
      return `iifname != "${match.name}"`;
    case 'out':
      return `oifname "${match.name}"`;
    case 'from':
      return `${family === 4 ? 'ip' : 'ip6'} saddr ${match.prefix}`;
    case 'to':
      return `${family === 4 ? 'ip' : 'ip6'} daddr ${match.prefix}`;
    case 'udp-to':
      return `udp dport ${match.port}`;
    case 'mark':
      return `meta mark & ${mask} == ${hex(match.mark)}`;
    case 'connection-mark':
      return `ct mark & ${mask} == ${hex(match.mark)}`;
    case 'answer':
      return 'ct state established,related';
    case 'no-answer':
      // Not `!= established,related`, which compares with both at once.
      return 'ct state & (established | related) == 0';
    case 'begin':
      return 'ct state new';
    case 'local':
      return 'fib daddr type local';
    default:
      return match satisfies never;
  }
}

function nftAction(action: Action): string {
  const keep = hex(~MARK_MASK >>> 0);
  switch (action.do) {
    case 'accept':
    case 'drop':
    case 'return':
    case 'masquerade':
      return `counter ${action.do}`;
    case 'mark':
      return `meta mark set meta mark & ${keep} | ${hex(action.mark)}`;
    case 'mark-connection':
      return `ct mark set ct mark & ${keep} | ${hex(action.mark)}`;
    default:
      return action satisfies never;
  }
}

const hex = (n: number): string => `0x${n.toString(16)}`;
