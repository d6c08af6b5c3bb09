/**
 * What the routers of the lab do to packets, as nftables rules (nat-traversal.md §7.1, §7.4; words of RFC 4787).
 *
 * A router has its outside on eth0 and its inside on eth1.
 */

/** How a NAT maps and filters. All keep the source port where they can, but for the symmetric ones. */
export type NatKind =
  /** One mapping for all destinations; anybody may send to it (EIM, EIF). */
  | 'full-cone'
  /** One mapping; addresses that were sent to may answer (EIM, ADF). */
  | 'address-restricted'
  /** One mapping; address and port that were sent to may answer (EIM, APDF). */
  | 'port-restricted'
  /** A new random port for each destination (APDM, APDF). */
  | 'symmetric'
  /** The next port for each destination (APDM, APDF), as many carriers' NATs do. */
  | 'symmetric-sequential';

export interface NatRules {
  readonly kind: NatKind;
  /** The router's own address outside. */
  readonly outside: string;
  /**
   * Whether two inner hosts can talk through the outer address; the source is then the outer one too, with the port that
   * the others see, as RFC 4787 §6 asks. Of a full cone only.
   */
  readonly hairpin?: boolean;
}

/** What a router lets through, besides answers and what inner hosts begin. */
export interface FilterRules {
  /** Hosts outside may begin towards IPv6 hosts inside. */
  readonly openV6?: boolean;
  /** What inner hosts may begin. */
  readonly outbound?: 'all' | 'no-udp' | 'tcp-443';
}

const SEQUENTIAL_PORTS = { from: 20_000, count: 4_096 } as const;

/**
 * The filter of every router. What nobody inside asked for is dropped on arrival, not answered: an entry in the router's
 * own table would take the port away from the next mapping (nat-traversal.md §9.1-1).
 */
export function filterRules({ openV6 = false, outbound = 'all' }: FilterRules = {}): string {
  const may = {
    all: 'iifname "eth1" accept',
    'no-udp': 'iifname "eth1" meta l4proto != udp accept',
    // Without ICMP "too big" TCP would stall, so that answers related to it pass above.
    'tcp-443': 'iifname "eth1" tcp dport 443 accept',
  }[outbound];
  return `
table inet filter {
  chain passing {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    ${may}
    ct status dnat accept
    ${openV6 ? 'meta nfproto ipv6 accept' : ''}
  }
  chain arriving {
    type filter hook input priority filter; policy accept;
    iifname "eth0" ct state new meta l4proto { tcp, udp } drop
  }
}
`;
}

export function natRules(rules: NatRules): string {
  const { kind } = rules;
  const sending = {
    'full-cone': 'oifname "eth0" masquerade',
    'address-restricted': 'oifname "eth0" masquerade',
    'port-restricted': 'oifname "eth0" masquerade',
    symmetric: 'oifname "eth0" masquerade fully-random',
    'symmetric-sequential': `${sequential(rules.outside)}
    oifname "eth0" masquerade`,
  }[kind];
  return `
table ip nat {
  ${kind === 'full-cone' ? fullCone(rules) : ''}
  ${kind === 'address-restricted' ? ADDRESS_RESTRICTED : ''}
  chain sending {
    type nat hook postrouting priority srcnat;
    ${sending}
    ${rules.hairpin === true ? 'oifname "eth1" ct status dnat snat ip to ip saddr . udp sport map @outer' : ''}
  }
}
`;
}

/**
 * Who may be reached at which outer port. Learned behind the source NAT, where a packet has its outer port, because the
 * inner one may be another host's as well.
 */
const LEARNED = 'flags dynamic,timeout; timeout 120s; size 65535;';
const INNER_OUT = 'ct original ip saddr . ct original proto-src';
const INNER_BACK = 'ct reply ip saddr . ct reply proto-src';

/** An `update` leaves what stands under a key that it finds, so that a port which another host has now is forgotten first. */
const learn = (map: string, key: string, value: string): string => `
    oifname "eth0" meta l4proto udp ct direction original ct state new delete @${map} { ${key} : ${value} }
    oifname "eth0" meta l4proto udp ct direction original update @${map} { ${key} : ${value} }`;
const keepOpen = (key: string): string =>
  `oifname "eth0" meta l4proto udp ct direction reply update @open { ${key} : ${INNER_BACK} }`;

const fullCone = ({ outside, hairpin }: NatRules): string => `map open {
    type inet_service : ipv4_addr . inet_service; ${LEARNED}
  }
  map outer {
    type ipv4_addr . inet_service : ipv4_addr . inet_service; ${LEARNED}
  }
  chain learning {
    type filter hook postrouting priority srcnat + 10;
    ${learn('outer', INNER_OUT, 'ip saddr . udp sport')}
    ${learn('open', 'udp sport', INNER_OUT)}
    ${keepOpen('udp sport')}
  }
  chain arriving {
    type nat hook prerouting priority dstnat;
    ${hairpin === true ? `ip daddr ${outside}` : 'iifname "eth0"'} dnat ip to udp dport map @open
  }`;

const ADDRESS_RESTRICTED = `map open {
    type ipv4_addr . inet_service : ipv4_addr . inet_service; ${LEARNED}
  }
  chain learning {
    type filter hook postrouting priority srcnat + 10;
    ${learn('open', 'ip daddr . udp sport', INNER_OUT)}
    ${keepOpen('ip daddr . udp sport')}
  }
  chain arriving {
    type nat hook prerouting priority dstnat;
    iifname "eth0" dnat ip to ip saddr . udp dport map @open
  }`;

/** One port in the range is one choice, so that the kernel cannot use a mapping again that the host has already. */
function sequential(outside: string): string {
  const { from, count } = SEQUENTIAL_PORTS;
  const ports = Array.from({ length: count }, (_, n) => `${n} : ${outside} . ${from + n}`).join(', ');
  return `oifname "eth0" meta l4proto udp snat ip to numgen inc mod ${count} map { ${ports} }`;
}
