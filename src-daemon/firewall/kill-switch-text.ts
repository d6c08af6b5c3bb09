/** The kill switch for `nft -f`: nothing leaves but through the tunnel and from the daemon's own sockets (localapi-and-daemon.md §6.8). */
import { BYPASS_MARK } from '../outside/escape.ts';
import { FORWARDED_MARK, MARK_MASK } from './rules.ts';

export const KILL_SWITCH_TABLE = 'rhumb-killswitch';

export interface KillSwitchWish {
  readonly tunName: string;
  readonly lan: readonly string[];
  /** Peers may send packets through this machine. */
  readonly forwards: boolean;
}

/** Addresses by which machines of one wire find each other; they mean no other than those on it. */
export const LAN_GROUPS: readonly string[] = [
  '224.0.0.0/24',
  '239.255.255.250/32',
  '255.255.255.255/32',
  'fe80::/10',
  'ff02::/16',
];

const tunnel = (name: string): string[] => ['oifname "lo" accept', `oifname "${name}" accept`];

/** Asked in the clear, they tell which names are looked up: never outside, whatever else may be reached there. */
const DNS = 'meta l4proto { tcp, udp } th dport { 53, 853 }';

/** Programs of this machine hear at once that it is no use, instead of waiting. */
const REFUSE = 'counter reject with icmpx type admin-prohibited';

function lanRules(lan: readonly string[]): string[] {
  if (lan.length === 0) return [];
  const all = [...new Set([...lan, ...LAN_GROUPS])];
  return (['ip', 'ip6'] as const).flatMap((family) => {
    const some = all.filter((prefix) => prefix.includes(':') === (family === 'ip6'));
    return some.map((prefix) => `${family} daddr ${prefix} accept`);
  });
}

const marked = (mark: number): string => `meta mark & 0x${MARK_MASK.toString(16)} == 0x${mark.toString(16)}`;

/** The daemon's own sockets, and addresses of this machine itself: asking for them, and saying who has them. */
const OWN = [
  `${marked(BYPASS_MARK)} accept`,
  'meta nfproto ipv4 udp sport 68 udp dport 67 accept',
  'ip6 daddr { fe80::/10, ff02::1:2, ff05::1:3 } udp sport 546 udp dport 547 accept',
  'icmpv6 type { 133, 135, 136 } ip6 hoplimit 255 accept',
  'ip6 daddr ff02::/16 icmpv6 type { 131, 132, 143 } accept',
];

/**
 * One transaction: packets see the old table or the new one. Last in their hooks; no process owns it. At `output` the
 * interface is the one of the first look at the routes: who is given another destination there, or a mark that others'
 * rules go by, leaves by another one. `postrouting` knows where a packet really goes, but can't tell its sender that it
 * is refused.
 */
export function killSwitchText({ tunName, lan, forwards }: KillSwitchWish): string[] {
  const table = `inet ${KILL_SWITCH_TABLE}`;
  const output = [...tunnel(tunName), ...OWN, `${DNS} ${REFUSE}`, ...lanRules(lan), REFUSE];
  const fromPeers = forwards ? [`iifname "${tunName}" accept`] : [];
  const rest = [`${DNS} counter drop`, ...lanRules(lan), 'counter drop'];
  const forward = [...tunnel(tunName), ...fromPeers, ...rest];
  // Before Linux 5.7 nobody knows there any more where a packet came from.
  const forwarded = forwards ? [...fromPeers, `${marked(FORWARDED_MARK)} accept`] : [];
  const postrouting = [...tunnel(tunName), ...OWN, ...forwarded, ...rest];
  return [
    `add table ${table}`,
    `delete table ${table}`,
    `add table ${table}`,
    ...Object.entries({ output, forward, postrouting }).flatMap(([hook, rules]) => [
      `add chain ${table} ${hook} { type filter hook ${hook} priority 300; policy drop; }`,
      ...rules.map((rule) => `add rule ${table} ${hook} ${rule}`),
    ]),
  ];
}

export const killSwitchGone = (): string[] => [
  `add table inet ${KILL_SWITCH_TABLE}`,
  `delete table inet ${KILL_SWITCH_TABLE}`,
];

export const rulesIn = (text: readonly string[]): number =>
  text.filter((line) => line.startsWith('add rule ')).length;

/** How many rules `nft list table` shows: a line each, in a chain in a table. */
export const shownRules = (shown: string): number =>
  shown.split('\n').filter((line) => /^\t\t(?!type )\S/.test(line)).length;
