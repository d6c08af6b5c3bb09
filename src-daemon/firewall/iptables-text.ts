/** Prints the firewall for `iptables-restore --noflush`: own chains, and jumps to them at the head of the built-in ones. */
import { BYPASS_MARK } from '../outside/escape.ts';
import { type KillSwitchWish, LAN_GROUPS } from './kill-switch-text.ts';
import {
  type Action,
  type FirewallPlan,
  FORWARDED_MARK,
  MARK_MASK,
  type Match,
  type Place,
  type Rule,
} from './rules.ts';

export type IptablesTable = 'filter' | 'nat' | 'mangle';

interface Spot {
  readonly table: IptablesTable;
  readonly from: 'INPUT' | 'FORWARD' | 'OUTPUT' | 'PREROUTING' | 'POSTROUTING';
  readonly chain: string;
}

const SPOTS: Readonly<Record<Place, Spot>> = {
  input: { table: 'filter', from: 'INPUT', chain: 'rhumb-input' },
  forward: { table: 'filter', from: 'FORWARD', chain: 'rhumb-forward' },
  postrouting: { table: 'nat', from: 'POSTROUTING', chain: 'rhumb-postrouting' },
  prerouting: { table: 'mangle', from: 'PREROUTING', chain: 'rhumb-prerouting' },
  output: { table: 'mangle', from: 'OUTPUT', chain: 'rhumb-output' },
};
const PLACES = Object.keys(SPOTS) as readonly Place[];

const KILL_SWITCH: readonly Spot[] = [
  { table: 'filter', from: 'OUTPUT', chain: 'rhumb-kill-out' },
  { table: 'filter', from: 'FORWARD', chain: 'rhumb-kill-fwd' },
  // Where it is known by which interface a packet really leaves, and where nobody accepts before us.
  { table: 'mangle', from: 'POSTROUTING', chain: 'rhumb-kill-post' },
];

/** How many jumps from where to which chain there are. */
export type Jumps = ReadonlyMap<string, number>;

/** From `iptables-save`: `*table`, then `-A FROM … -j CHAIN`. Also which chains of ours there are, with 0 jumps from nowhere. */
export function readJumps(saved: string): Jumps {
  const jumps = new Map<string, number>();
  let table = '';
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    const declared = /^:(rhumb-[a-z-]+) /.exec(line)?.[1];
    if (declared !== undefined) jumps.set(`${table} ${declared}`, 0);
    const found = /^-A ([A-Z]+) -j (rhumb-[a-z-]+)$/.exec(line.trim());
    if (found === null) continue;
    const key = `${table} ${found[1]} ${found[2]}`;
    jumps.set(key, (jumps.get(key) ?? 0) + 1);
  }
  return jumps;
}

export function iptablesText(
  plan: Partial<FirewallPlan>,
  family: 4 | 6,
  diverts: boolean,
  now: Jumps,
): string {
  const spots = PLACES.flatMap((place) => {
    const rules = plan[place];
    return rules === undefined ? [] : [{ ...SPOTS[place], lines: linesOf(rules, family) }];
  });
  return restore(spots, now, diverts);
}

export function killSwitchTables(
  { tunName, lan, forwards }: KillSwitchWish,
  family: 4 | 6,
  now: Jumps,
): string {
  const tunnel = ['-o lo -j ACCEPT', `-o ${tunName} -j ACCEPT`];
  const noDns = (verdict: string): string[] =>
    ['tcp', 'udp'].flatMap((protocol) =>
      [53, 853].map((port) => `-p ${protocol} --dport ${port} ${verdict}`),
    );
  // Programs of this machine hear at once that it is no use, instead of waiting.
  const refuse = `-j REJECT --reject-with ${family === 4 ? 'icmp-admin-prohibited' : 'icmp6-adm-prohibited'}`;
  const groups = lan.length === 0 ? [] : [...new Set([...lan, ...LAN_GROUPS])];
  const nearby = groups
    .filter((prefix) => prefix.includes(':') === (family === 6))
    .map((prefix) => `-d ${prefix} -j ACCEPT`);
  const own = [
    `-m mark --mark ${masked(BYPASS_MARK)} -j ACCEPT`,
    ...(family === 4 ? ['-p udp --sport 68 --dport 67 -j ACCEPT'] : OWN_ADDRESSES_6),
  ];
  const out = [...tunnel, ...own, ...noDns(refuse), ...nearby, refuse];
  const fromPeers = forwards ? [`-i ${tunName} -j ACCEPT`] : [];
  const rest = [...noDns('-j DROP'), ...nearby, '-j DROP'];
  const through = [...tunnel, ...fromPeers, ...rest];
  // Before Linux 5.7 nobody knows there any more where a packet came from.
  const forwarded = forwards ? [...fromPeers, `-m mark --mark ${masked(FORWARDED_MARK)} -j ACCEPT`] : [];
  const after = [...tunnel, ...own, ...forwarded, ...rest];
  const lines = [out, through, after];
  return restore(
    KILL_SWITCH.map((spot, i) => ({ ...spot, lines: lines[i] ?? [] })),
    now,
    true,
  );
}

/** Takes chains and jumps away, as far as they are there; empty when nothing is. */
export const iptablesGone = (now: Jumps): string =>
  gone(
    PLACES.map((place) => SPOTS[place]),
    now,
  );

export const killSwitchTablesGone = (now: Jumps): string => gone(KILL_SWITCH, now);

/** Whether everything that `iptablesText` put somewhere is still led to. */
export const hasJumps = (plan: Partial<FirewallPlan>, diverts: boolean, now: Jumps): boolean =>
  PLACES.filter((place) => plan[place] !== undefined).every((place) => {
    const { table, from, chain } = SPOTS[place];
    return now.has(`${table} ${chain}`) && (now.get(`${table} ${from} ${chain}`) ?? 0) === (diverts ? 1 : 0);
  });

/** Also when there is only a part of it left. */
export const hasKillSwitch = (now: Jumps): boolean =>
  KILL_SWITCH.some(({ table, chain }) => now.has(`${table} ${chain}`));

/** Its rules in `iptables-save`, and where among those of others it is jumped to: who accepts before it opens the way. */
export function killSwitchLines(saved: string): string[] {
  const places = KILL_SWITCH.map(({ table, from }) => `${table} ${from}`);
  const seen = new Map<string, number>();
  let table = '';
  return saved.split('\n').flatMap((line) => {
    if (line.startsWith('*')) table = line.slice(1).trim();
    const [, from = '', rule = ''] = /^-A (\S+) (.*)$/.exec(line.trim()) ?? [];
    if (from.startsWith('rhumb-kill-')) return [`${from} ${rule}`];
    const at = `${table} ${from}`;
    if (!places.includes(at)) return [];
    seen.set(at, (seen.get(at) ?? 0) + 1);
    return rule.startsWith('-j rhumb-kill-') ? [`${at} ${seen.get(at)} ${rule}`] : [];
  });
}

const OWN_ADDRESSES_6 = [
  ...['fe80::/10', 'ff02::1:2', 'ff05::1:3'].map((to) => `-d ${to} -p udp --sport 546 --dport 547 -j ACCEPT`),
  ...[133, 135, 136].map((type) => `-p icmpv6 --icmpv6-type ${type} -m hl --hl-eq 255 -j ACCEPT`),
  ...[131, 132, 143].map((type) => `-d ff02::/16 -p icmpv6 --icmpv6-type ${type} -j ACCEPT`),
];

/** Declaring a chain empties it; with --noflush everything else stays. Each table is one transaction. */
function restore(
  spots: readonly (Spot & { readonly lines: readonly string[] })[],
  now: Jumps,
  diverts: boolean,
): string {
  return byTable(spots, (spot) => [
    `:${spot.chain} - [0:0]`,
    ...jumpsGone(spot, now),
    ...spot.lines.map((line) => `-A ${spot.chain} ${line}`),
    ...(diverts ? [`-I ${spot.from} 1 -j ${spot.chain}`] : []),
  ]);
}

const gone = (spots: readonly Spot[], now: Jumps): string =>
  byTable(
    spots.filter(({ table, chain }) => now.has(`${table} ${chain}`)),
    (spot) => [...jumpsGone(spot, now), `-F ${spot.chain}`, `-X ${spot.chain}`],
  );

const jumpsGone = ({ table, from, chain }: Spot, now: Jumps): string[] =>
  Array.from({ length: now.get(`${table} ${from} ${chain}`) ?? 0 }, () => `-D ${from} -j ${chain}`);

function byTable<S extends Spot>(spots: readonly S[], lines: (spot: S) => readonly string[]): string {
  const text = (['mangle', 'nat', 'filter'] as const).flatMap((table) => {
    const here = spots.filter((spot) => spot.table === table).flatMap(lines);
    return here.length === 0 ? [] : [`*${table}`, ...here, 'COMMIT'];
  });
  return text.length === 0 ? '' : `${text.join('\n')}\n`;
}

const linesOf = (rules: readonly Rule[], family: 4 | 6): string[] =>
  rules
    .filter((rule) => rule.family === undefined || rule.family === family)
    .map(({ when, act }) => [...when.map(iptablesMatch), iptablesAction(act)].join(' '));

function iptablesMatch(match: Match): string {
  switch (match.on) {
    case 'in':
      return `-i ${match.name}`;
    case 'not-in':
      return `! -i ${match.name}`;
    case 'out':
      return `-o ${match.name}`;
    case 'from':
      return `-s ${match.prefix}`;
    case 'to':
      return `-d ${match.prefix}`;
    case 'udp-to':
      return `-p udp --dport ${match.port}`;
    case 'mark':
      return `-m mark --mark ${masked(match.mark)}`;
    case 'connection-mark':
      return `-m connmark --mark ${masked(match.mark)}`;
    case 'answer':
      return '-m conntrack --ctstate ESTABLISHED,RELATED';
    case 'no-answer':
      return '-m conntrack ! --ctstate ESTABLISHED,RELATED';
    case 'begin':
      return '-m conntrack --ctstate NEW';
    case 'local':
      return '-m addrtype --dst-type LOCAL';
    default:
      return match satisfies never;
  }
}

function iptablesAction(action: Action): string {
  switch (action.do) {
    case 'accept':
    case 'drop':
    case 'return':
    case 'masquerade':
      return `-j ${action.do.toUpperCase()}`;
    case 'mark':
      return `-j MARK --set-xmark ${masked(action.mark)}`;
    case 'mark-connection':
      return `-j CONNMARK --set-xmark ${masked(action.mark)}`;
    default:
      return action satisfies never;
  }
}

const masked = (mark: number): string => `0x${mark.toString(16)}/0x${MARK_MASK.toString(16)}`;
