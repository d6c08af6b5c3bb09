/** The kill switch for `nft -f`: nothing leaves but through the tunnel and from the daemon's own sockets (localapi-and-daemon.md §6.8). */
import { BYPASS_MARK } from '../outside/escape.ts';
import { MARK_MASK } from './rules.ts';

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

/**
 * One transaction: packets see the old table or the new one. Last in their hooks, when it is decided where a packet goes
 * and what its destination is; no process owns it.
 */
export function killSwitchText({ tunName, lan, forwards }: KillSwitchWish): string[] {
  const table = `inet ${KILL_SWITCH_TABLE}`;
  const output = [
    ...tunnel(tunName),
    `meta mark & 0x${MARK_MASK.toString(16)} == 0x${BYPASS_MARK.toString(16)} accept`,
    // Addresses of this machine itself: asking for them, and saying who has them.
    'meta nfproto ipv4 udp sport 68 udp dport 67 accept',
    'ip6 daddr { fe80::/10, ff02::1:2, ff05::1:3 } udp sport 546 udp dport 547 accept',
    'icmpv6 type { 133, 135, 136 } ip6 hoplimit 255 accept',
    'ip6 daddr ff02::/16 icmpv6 type { 131, 132, 143 } accept',
    `${DNS} ${REFUSE}`,
    ...lanRules(lan),
    REFUSE,
  ];
  const forward = [
    ...tunnel(tunName),
    ...(forwards ? [`iifname "${tunName}" accept`] : []),
    `${DNS} counter drop`,
    ...lanRules(lan),
    'counter drop',
  ];
  return [
    `add table ${table}`,
    `delete table ${table}`,
    `add table ${table}`,
    ...Object.entries({ output, forward }).flatMap(([hook, rules]) => [
      `add chain ${table} ${hook} { type filter hook ${hook} priority 300; policy drop; }`,
      ...rules.map((rule) => `add rule ${table} ${hook} ${rule}`),
    ]),
  ];
}

export const killSwitchGone = (): string[] => [
  `add table inet ${KILL_SWITCH_TABLE}`,
  `delete table inet ${KILL_SWITCH_TABLE}`,
];
