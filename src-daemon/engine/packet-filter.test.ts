/** The packet filter by itself: what passes in, what out, and that no packet makes it fail (data-plane.md §4.8). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipPacket } from '../testing/packets.ts';
import { ipLength, ipVersion, PROTOCOL_TCP } from './inner.ts';
import { PacketFilter, type Verdict } from './packet-filter.ts';
import { PROTOCOL_SCTP, PROTOCOL_UDP } from './transport.ts';
import type { FilterRuleSpec } from './types.ts';

const US = '100.64.0.1';
const PEER = '100.64.0.2';
const OTHER = '100.64.0.3';
const US6 = 'fd7a:115c:a1e0::1';
const PEER6 = 'fd7a:115c:a1e0::2';
const SYN = 2;
const ACK = 16;

const SSH: FilterRuleSpec = {
  protocols: [PROTOCOL_TCP],
  sources: [`${PEER}/32`, `${PEER6}/128`],
  destinations: [
    { prefix: `${US}/32`, first: 22, last: 22 },
    { prefix: `${US6}/128`, first: 22, last: 22 },
  ],
};
const DNS: FilterRuleSpec = {
  protocols: [],
  sources: ['100.64.0.0/10'],
  destinations: [{ prefix: `${US}/32`, first: 53, last: 53 }],
};

interface Spec {
  readonly from?: string;
  readonly to?: string;
  readonly protocol: number;
  readonly ports?: readonly [number, number];
  readonly flags?: number;
  readonly icmp?: number;
}

function packet({ from = PEER, to = US, protocol, ports = [40_000, 0], flags = 0, icmp }: Spec): Uint8Array {
  const payload = new Uint8Array(24);
  if (icmp === undefined) payload.set([ports[0] >> 8, ports[0] & 255, ports[1] >> 8, ports[1] & 255]);
  else payload[0] = icmp;
  if (protocol === PROTOCOL_TCP) payload[13] = flags;
  return ipPacket({ from, to, protocol, payload });
}

const filterOf = (...rules: readonly FilterRuleSpec[]): PacketFilter => {
  const filter = new PacketFilter();
  filter.set(rules);
  return filter;
};

const versionOf = (bytes: Uint8Array): 4 | 6 => (ipVersion(bytes, bytes.length) === 6 ? 6 : 4);
const inbound = (filter: PacketFilter, bytes: Uint8Array, now = 1, jailed = false): Verdict =>
  filter.inbound(bytes, bytes.length, versionOf(bytes), now, jailed);
const outbound = (filter: PacketFilter, bytes: Uint8Array, now = 1): Verdict =>
  filter.outbound(bytes, bytes.length, versionOf(bytes), now);

const tcp = (port: number, flags: number, more: Partial<Spec> = {}): Uint8Array =>
  packet({ protocol: PROTOCOL_TCP, ports: [40_000, port], flags, ...more });
const udp = (port: number, more: Partial<Spec> = {}): Uint8Array =>
  packet({ protocol: PROTOCOL_UDP, ports: [40_000, port], ...more });

describe('connections that a peer begins', () => {
  const filter = filterOf(SSH, DNS);

  test.each<[string, Uint8Array, Verdict]>([
    ['to the port that a rule names', tcp(22, SYN), 'pass'],
    ['in IPv6', tcp(22, SYN, { from: PEER6, to: US6 }), 'pass'],
    ['to another port', tcp(23, SYN), 'filtered'],
    ['from somebody else', tcp(22, SYN, { from: OTHER }), 'filtered'],
    ['to another address', tcp(22, SYN, { to: '192.168.1.1' }), 'filtered'],
    ['with ECN flags', tcp(23, SYN | 0xc0), 'filtered'],
    ['over UDP by a rule for the usual protocols', udp(53, { from: OTHER }), 'pass'],
    ['over UDP where the rule is for TCP', udp(22), 'filtered'],
    [
      'over SCTP, which the usual protocols don’t include',
      packet({ protocol: PROTOCOL_SCTP, ports: [1, 53] }),
      'filtered',
    ],
    ['as a ping, whose rule may name any port', packet({ protocol: 1, icmp: 8, from: OTHER }), 'pass'],
    [
      'as a ping, whose rule may be for another protocol',
      packet({ protocol: 58, icmp: 128, from: PEER6, to: US6 }),
      'pass',
    ],
    ['as a ping from whom no rule names', packet({ protocol: 1, icmp: 8, from: '192.0.2.1' }), 'filtered'],
    ['in a protocol without ports, which needs all of them', packet({ protocol: 47 }), 'filtered'],
  ])('%s', (_name, bytes, verdict) => {
    expect(inbound(filter, bytes)).toBe(verdict);
  });

  test('a rule for a protocol without ports must name every port', () => {
    const all = { ...DNS, protocols: [47], destinations: [{ prefix: '0.0.0.0/0', first: 0, last: 65_535 }] };
    expect(inbound(filterOf(all), packet({ protocol: 47 }))).toBe('pass');
    expect(inbound(filterOf({ ...DNS, protocols: [47] }), packet({ protocol: 47 }))).toBe('filtered');
  });
});

describe('answers', () => {
  test('all of TCP but its first packet passes, as the host’s own stack knows its connections', () => {
    const filter = filterOf();
    expect(inbound(filter, tcp(5_000, SYN | ACK))).toBe('pass');
    expect(inbound(filter, tcp(5_000, ACK))).toBe('pass');
    expect(inbound(filter, tcp(5_000, 4))).toBe('pass');
  });

  test.each([
    [1, 0],
    [1, 3],
    [1, 11],
    [1, 12],
  ])('ICMP type %i/%i passes', (protocol, icmp) => {
    expect(inbound(filterOf(), packet({ protocol, icmp }))).toBe('pass');
  });

  test.each([1, 2, 3, 4, 129])('ICMPv6 type %i passes', (icmp) => {
    expect(inbound(filterOf(), packet({ protocol: 58, icmp, from: PEER6, to: US6 }))).toBe('pass');
  });

  test.each([128, 130, 135, 0])('ICMPv6 type %i needs a rule', (icmp) => {
    expect(inbound(filterOf(), packet({ protocol: 58, icmp, from: PEER6, to: US6 }))).toBe('filtered');
  });

  test('UDP comes back from where this host sent it, from nowhere else, and for three minutes', () => {
    const filter = filterOf();
    const reply = udp(0, { ports: [53, 50_000] });
    expect(inbound(filter, reply)).toBe('filtered');
    expect(outbound(filter, udp(0, { from: US, to: PEER, ports: [50_000, 53] }), 1_000)).toBe('pass');
    expect(inbound(filter, reply, 2_000)).toBe('pass');
    expect(inbound(filter, udp(0, { ports: [54, 50_000] }), 2_000)).toBe('filtered');
    expect(inbound(filter, udp(0, { from: OTHER, ports: [53, 50_000] }), 2_000)).toBe('filtered');
    expect(inbound(filter, reply, 181_999)).toBe('pass');
    expect(inbound(filter, reply, 361_999)).toBe('pass');
    expect(inbound(filter, reply, 542_000)).toBe('filtered');
  });

  test('flows outlive a new set of rules', () => {
    const filter = filterOf(DNS);
    outbound(filter, udp(0, { from: US6, to: PEER6, ports: [50_000, 53] }));
    filter.set([]);
    expect(inbound(filter, udp(0, { from: PEER6, to: US6, ports: [53, 50_000] }))).toBe('pass');
  });

  test('thousands of flows push out others, and never let in what was not asked', () => {
    const filter = filterOf();
    for (let port = 1; port < 60_000; port++)
      outbound(filter, udp(0, { from: US, to: PEER, ports: [port, 53] }), port);
    expect(inbound(filter, udp(0, { ports: [53, 59_999] }), 60_000)).toBe('pass');
    expect(inbound(filter, udp(0, { ports: [54, 59_999] }), 60_000)).toBe('filtered');
  });
});

describe('what is judged before any rule', () => {
  const open = filterOf({
    protocols: [],
    sources: ['0.0.0.0/0', '::/0'],
    destinations: ['0.0.0.0/0', '::/0'].map((prefix) => ({ prefix, first: 0, last: 65_535 })),
  });
  const fragment = (offset: number, more: boolean): Uint8Array => {
    const bytes = udp(53);
    bytes[6] = (offset >> 8) | (more ? 0x20 : 0);
    bytes[7] = offset;
    return bytes;
  };
  const v6 = (next: number, extra: readonly number[]): Uint8Array => {
    const payload = new Uint8Array(32);
    payload.set(extra);
    return ipPacket({ from: PEER6, to: US6, protocol: next, payload });
  };

  test.each<[string, Uint8Array, Verdict]>([
    ['multicast', udp(53, { to: '224.0.0.251' }), 'multicast'],
    ['IPv6 multicast', udp(53, { from: PEER6, to: 'ff02::fb' }), 'multicast'],
    ['link-local', udp(53, { to: '169.254.1.1' }), 'link-local'],
    ['IPv6 link-local', udp(53, { from: PEER6, to: 'fe80::1' }), 'link-local'],
    ['the metadata service', udp(80, { to: '169.254.169.254' }), 'pass'],
    ['a first fragment with its header', fragment(0, true), 'pass'],
    ['a fragment that could rewrite the header', fragment(9, false), 'unreadable'],
    ['a later fragment', fragment(10, false), 'pass'],
    [
      'a TCP header cut short',
      ipPacket({ from: PEER, to: US, protocol: 6, payload: new Uint8Array(19) }),
      'unreadable',
    ],
    ['a UDP header cut short', ipPacket({ from: PEER, to: US, payload: new Uint8Array(7) }), 'unreadable'],
    ['hop-by-hop options', v6(0, [17]), 'unreadable'],
    ['an IPv6 first fragment', v6(44, [17, 0, 0, 1, 0, 0, 0, 1]), 'pass'],
    ['an IPv6 later fragment', v6(44, [17, 0, 0, 80]), 'pass'],
    ['an IPv6 fragment that could rewrite the header', v6(44, [17, 0, 0, 72]), 'unreadable'],
  ])('%s', (_name, bytes, verdict) => {
    expect(inbound(open, bytes)).toBe(verdict);
  });

  test('an IPv4 header length outside the packet is unreadable', () => {
    const bytes = udp(53);
    bytes[0] = 0x4f;
    expect(inbound(open, bytes.subarray(0, 44))).toBe('unreadable');
    bytes[0] = 0x41;
    expect(inbound(open, bytes)).toBe('unreadable');
  });

  test('no packet throws, and with no rules nothing new passes', () => {
    const filter = filterOf();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 120 }), fc.boolean(), (bytes, isV6) => {
        bytes[0] = ((isV6 ? 6 : 4) << 4) | ((bytes[0] as number) & 15);
        const version = ipVersion(bytes, bytes.length);
        if (version === 0) return;
        const length = ipLength(bytes, bytes.length, version);
        if (length === 0) return;
        expect(['pass', 'filtered', 'unreadable', 'multicast', 'link-local']).toContain(
          filter.inbound(bytes, length, version, 1, false),
        );
        filter.outbound(bytes, length, version, 1);
      }),
    );
  });
});

test('a jailed peer only answers, whatever the rules', () => {
  const filter = filterOf(SSH);
  expect(inbound(filter, tcp(22, SYN), 1, true)).toBe('jailed');
  expect(inbound(filter, tcp(22, ACK), 1, true)).toBe('pass');
  filter.set(undefined);
  expect(inbound(filter, tcp(22, SYN), 1, true)).toBe('jailed');
  expect(inbound(filter, tcp(22, SYN), 1, false)).toBe('pass');
});
