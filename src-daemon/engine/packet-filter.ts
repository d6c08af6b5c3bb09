/** What may come in: the rules that the server sent, and answers to what this host began (data-plane.md §4.8). Hot path. */
import { type Prefix, parsePrefix } from '#shared/ip/address.ts';
import { PrefixTable } from '#shared/ip/table.ts';
import { FlowTable } from './flow-table.ts';
import { addressSize, destinationAt, PROTOCOL_ICMP, PROTOCOL_ICMPV6, sourceAt } from './inner.ts';
import { PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP, TCP_ACK, TCP_SYN, Transport } from './transport.ts';
import type { FilterRuleSpec } from './types.ts';

/** Why a packet does not pass, or that it does. */
export type Verdict = 'pass' | 'unreadable' | 'bad-destination' | 'filtered';

interface Destination {
  readonly prefix: Prefix;
  readonly first: number;
  readonly last: number;
}

interface CompiledRule {
  readonly protocols: ReadonlySet<number>;
  readonly sources: PrefixTable;
  readonly destinations: readonly Destination[];
}

const DEFAULT_PROTOCOLS: ReadonlySet<number> = new Set([
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
]);
const LAST_PORT = 65_535;

const V4_UNREACHABLE = 3;
const V4_TIME_EXCEEDED = 11;
const V4_PARAMETER_PROBLEM = 12;
const V4_ECHO_REPLY = 0;
const V6_ECHO_REPLY = 129;
/** Unreachable, packet too big, time exceeded, parameter problem (RFC 4443 §3). */
const V6_LAST_ERROR = 4;

export class PacketFilter {
  #rules: readonly CompiledRule[] | undefined;
  readonly #flows = new FlowTable();
  readonly #transport = new Transport();

  /** Undefined = everything passes: an engine without a network's policy. Flows that are known stay. */
  set(rules: readonly FilterRuleSpec[] | undefined): void {
    const sets = new Map<string, PrefixTable>();
    this.#rules = rules?.map((rule) => compile(rule, sets));
  }

  /** A packet for the wire: what answers it may come in. */
  outbound(packet: Uint8Array, length: number, version: 4 | 6, now: number): Verdict {
    if (this.#rules === undefined) return 'pass';
    const transport = this.#transport;
    transport.read(packet, length, version);
    const early = this.#judgeHeaders(packet, version);
    if (early !== undefined) return early;
    const { protocol, sourcePort, destinationPort } = transport;
    if (protocol === PROTOCOL_UDP || protocol === PROTOCOL_SCTP)
      this.#flows.note(
        {
          protocol,
          fromPort: destinationPort,
          toPort: sourcePort,
          packet,
          fromAt: destinationAt(version),
          toAt: sourceAt(version),
          addressBytes: addressSize(version),
        },
        now,
      );
    return 'pass';
  }

  /** A packet of a peer, whose source was proven to be the peer's. From a jailed one only answers pass. */
  inbound(packet: Uint8Array, length: number, version: 4 | 6, now: number, isJailed: boolean): Verdict {
    if (this.#rules === undefined && !isJailed) return 'pass';
    const transport = this.#transport;
    transport.read(packet, length, version);
    const early = this.#judgeHeaders(packet, version);
    if (early !== undefined) return early;
    if (isAnswer(transport) || this.#isKnownFlow(packet, version, now)) return 'pass';
    if (isJailed) return 'filtered';
    return this.#matchesRule(packet, version) ? 'pass' : 'filtered';
  }

  /** What is decided before any rule; undefined = go on. */
  #judgeHeaders(packet: Uint8Array, version: 4 | 6): Verdict | undefined {
    if (this.#transport.kind === 'unknown') return 'unreadable';
    if (isBadDestination(packet, version)) return 'bad-destination';
    return this.#transport.kind === 'later-fragment' ? 'pass' : undefined;
  }

  #isKnownFlow(packet: Uint8Array, version: 4 | 6, now: number): boolean {
    const { protocol, sourcePort, destinationPort } = this.#transport;
    if (protocol !== PROTOCOL_UDP && protocol !== PROTOCOL_SCTP) return false;
    return this.#flows.has(
      {
        protocol,
        fromPort: sourcePort,
        toPort: destinationPort,
        packet,
        fromAt: sourceAt(version),
        toAt: destinationAt(version),
        addressBytes: addressSize(version),
      },
      now,
    );
  }

  #matchesRule(packet: Uint8Array, version: 4 | 6): boolean {
    const { protocol, destinationPort } = this.#transport;
    const size = addressSize(version);
    const destination = destinationAt(version);
    const isIcmp = protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6;
    for (const rule of this.#rules ?? []) {
      // Whoever may reach an address at all may ping it.
      if (!isIcmp && !rule.protocols.has(protocol)) continue;
      if (!rule.destinations.some((one) => isFor(one, protocol, destinationPort, packet, destination, size)))
        continue;
      if (rule.sources.lookupAt(packet, sourceAt(version), size) >= 0) return true;
    }
    return false;
  }
}

/** Prefix texts that rules share become one table. Throws nothing: what is no prefix matches nothing. */
function compile(rule: FilterRuleSpec, sets: Map<string, PrefixTable>): CompiledRule {
  const name = rule.sources.join(' ');
  const sources = sets.get(name) ?? tableOf(rule.sources);
  sets.set(name, sources);
  return {
    protocols: rule.protocols.length === 0 ? DEFAULT_PROTOCOLS : new Set(rule.protocols),
    sources,
    destinations: rule.destinations.flatMap(({ prefix, first, last }) => {
      const parsed = parsePrefix(prefix);
      return parsed === undefined ? [] : [{ prefix: parsed, first, last }];
    }),
  };
}

function tableOf(texts: readonly string[]): PrefixTable {
  const table = new PrefixTable();
  for (const text of texts) {
    const prefix = parsePrefix(text);
    if (prefix !== undefined) table.set(prefix, 1);
  }
  return table;
}

/** Ports count for protocols that have them; ICMP ignores them as it does protocols, and all others need a rule for every port. */
function isFor(
  { prefix, first, last }: Destination,
  protocol: number,
  port: number,
  packet: Uint8Array,
  at: number,
  size: number,
): boolean {
  if (prefix.ip.length !== size || !isIn(prefix, packet, at)) return false;
  switch (protocol) {
    case PROTOCOL_TCP:
    case PROTOCOL_UDP:
    case PROTOCOL_SCTP:
      return port >= first && port <= last;
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMPV6:
      return true;
    default:
      return first === 0 && last === LAST_PORT;
  }
}

function isIn({ ip, bits }: Prefix, packet: Uint8Array, at: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (ip[i] !== packet[at + i]) return false;
  const rest = bits & 7;
  return (
    rest === 0 || (((ip[whole] as number) ^ (packet[at + whole] as number)) & (0xff00 >> rest) & 0xff) === 0
  );
}

/** Part of something that began before: all of TCP but its first packet, ICMP's answers and errors. */
function isAnswer({ protocol, tcpFlags, icmpType }: Transport): boolean {
  if (protocol === PROTOCOL_TCP) return (tcpFlags & (TCP_SYN | TCP_ACK)) !== TCP_SYN;
  if (protocol === PROTOCOL_ICMP)
    return (
      icmpType === V4_ECHO_REPLY ||
      icmpType === V4_UNREACHABLE ||
      icmpType === V4_TIME_EXCEEDED ||
      icmpType === V4_PARAMETER_PROBLEM
    );
  if (protocol === PROTOCOL_ICMPV6)
    return icmpType === V6_ECHO_REPLY || (icmpType >= 1 && icmpType <= V6_LAST_ERROR);
  return false;
}

/** Multicast and link-local addresses have no place in a tunnel, but for the clouds' metadata service. */
function isBadDestination(packet: Uint8Array, version: 4 | 6): boolean {
  const at = destinationAt(version);
  const a = packet[at] as number;
  const b = packet[at + 1] as number;
  if (version === 6) return a === 0xff || (a === 0xfe && (b & 0xc0) === 0x80);
  if (a === 169 && b === 254) return packet[at + 2] !== 169 || packet[at + 3] !== 254;
  return a >= 224 && a < 240;
}
