/** What may come in: the rules that the server sent, and answers to what this host began (data-plane.md §4.8). Hot path. */
import { type IpBytes, parseIp, type SockAddr } from '#shared/ip/address.ts';
import { FlowTable } from './flow-table.ts';
import {
  addressSize,
  destinationAt,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_TCP,
  sourceAt,
} from './inner.ts';
import { PrefixTexts, RuleIndex } from './rule-index.ts';
import { PROTOCOL_SCTP, PROTOCOL_UDP, TCP_ACK, TCP_SYN, Transport } from './transport.ts';
import type { FilterRuleCount, FilterRuleSpec } from './types.ts';

/** Why a packet does not pass, or that it does. */
export type Verdict = 'pass' | 'unreadable' | 'multicast' | 'link-local' | 'filtered' | 'jailed';

const V4_UNREACHABLE = 3;
const V4_TIME_EXCEEDED = 11;
const V4_PARAMETER_PROBLEM = 12;
const V4_ECHO_REPLY = 0;
const V6_ECHO_REPLY = 129;
/** Unreachable, packet too big, time exceeded, parameter problem (RFC 4443 §3). */
const V6_LAST_ERROR = 4;

export class PacketFilter {
  #rules: Rules | undefined;
  #open: readonly { readonly ip: IpBytes; readonly port: number }[] = [];
  readonly #flows = new FlowTable();
  readonly #transport = new Transport();

  /** Undefined = everything passes: an engine without a network's policy. Flows that are known stay. */
  set(rules: readonly FilterRuleSpec[] | undefined): void {
    this.#rules = rules === undefined ? undefined : compile(rules, this.#rules);
  }

  /** Where every peer may begin a TCP connection. */
  open(at: readonly SockAddr[]): void {
    this.#open = at.flatMap(({ ip, port }) => {
      const bytes = parseIp(ip);
      return bytes === undefined ? [] : [{ ip: bytes, port }];
    });
  }

  /** As they were set. */
  counts(): readonly FilterRuleCount[] {
    const rules = this.#rules;
    if (rules === undefined) return [];
    return rules.specs.map((_, i) => ({
      passed: rules.passed[i] as number,
      nearMisses: rules.nearMisses[i] as number,
    }));
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
    if (!isJailed && this.#matchesRule(packet, version)) return 'pass';
    if (this.#isOpen(packet, version)) return 'pass';
    return isJailed ? 'jailed' : 'filtered';
  }

  #isOpen(packet: Uint8Array, version: 4 | 6): boolean {
    const { protocol, destinationPort } = this.#transport;
    if (protocol !== PROTOCOL_TCP) return false;
    return this.#open.some(({ ip, port }) => port === destinationPort && isTo(packet, version, ip));
  }

  /** What is decided before any rule; undefined = go on. */
  #judgeHeaders(packet: Uint8Array, version: 4 | 6): Verdict | undefined {
    if (this.#transport.kind === 'unknown') return 'unreadable';
    const bad = badDestination(packet, version);
    if (bad !== undefined) return bad;
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
    const rules = this.#rules;
    if (rules === undefined) return false;
    const index = version === 4 ? rules.v4 : rules.v6;
    const rule = index.match(packet, this.#transport.protocol, this.#transport.destinationPort);
    if (rule >= 0) {
      rules.passed[rule] = (rules.passed[rule] as number) + 1;
      return true;
    }
    const near = index.nearMiss();
    if (near >= 0) rules.nearMisses[near] = (rules.nearMisses[near] as number) + 1;
    return false;
  }
}

function isTo(packet: Uint8Array, version: 4 | 6, ip: IpBytes): boolean {
  if (ip.length !== addressSize(version)) return false;
  const at = destinationAt(version);
  return ip.every((byte, i) => byte === packet[at + i]);
}

interface Rules {
  readonly specs: readonly FilterRuleSpec[];
  readonly v4: RuleIndex;
  readonly v6: RuleIndex;
  readonly passed: Float64Array;
  readonly nearMisses: Float64Array;
}

/** A rule that stays goes on counting: most changes of a policy touch few of its rules. */
function compile(specs: readonly FilterRuleSpec[], before: Rules | undefined): Rules {
  const passed = new Float64Array(specs.length);
  const nearMisses = new Float64Array(specs.length);
  const earlier = new Map(before?.specs.map((spec, i) => [spec, i]));
  for (const [i, spec] of specs.entries()) {
    const old = earlier.get(spec);
    if (before === undefined || old === undefined) continue;
    passed[i] = before.passed[old] as number;
    nearMisses[i] = before.nearMisses[old] as number;
  }
  const texts = new PrefixTexts();
  const [v4, v6] = [new RuleIndex(specs, 4, texts), new RuleIndex(specs, 6, texts)];
  return { specs, v4, v6, passed, nearMisses };
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
function badDestination(packet: Uint8Array, version: 4 | 6): 'multicast' | 'link-local' | undefined {
  const at = destinationAt(version);
  const a = packet[at] as number;
  const b = packet[at + 1] as number;
  if (version === 6) {
    if (a === 0xff) return 'multicast';
    return a === 0xfe && (b & 0xc0) === 0x80 ? 'link-local' : undefined;
  }
  if (a === 169 && b === 254)
    return packet[at + 2] === 169 && packet[at + 3] === 254 ? undefined : 'link-local';
  return a >= 224 && a < 240 ? 'multicast' : undefined;
}
