/** What a report means for connections, in words: what kind of NAT this is and why a direct path may not come about. Pure. */
import { parseIp, parsePrefix, prefixContains } from '../ip/address.ts';
import type { NetReport } from './report.ts';

/** How this machine looks from outside (nat-traversal.md §7.1). */
export type NatKind =
  /** Nothing came back, by UDP or otherwise. */
  | 'no-answer'
  /** No datagram came back. */
  | 'udp-blocked'
  /** The address that servers see is one of this machine's own. */
  | 'none'
  /** One mapping for all destinations: a peer can be told where to send. */
  | 'easy'
  /** A mapping for each destination: what one server sees is of no use to a peer. */
  | 'hard'
  /** IPv4 works, but only one server answered. */
  | 'unknown'
  | 'only-ipv6';

export interface NatFacts {
  readonly report: NetReport;
  /** This machine's own addresses. */
  readonly localIps: readonly string[];
}

export function natKind({ report, localIps }: NatFacts): NatKind {
  if (!report.udp) return report.regionLatencyMs.size === 0 ? 'no-answer' : 'udp-blocked';
  if (report.globalV4 === undefined) return 'only-ipv6';
  if (localIps.includes(report.globalV4.ip)) return 'none';
  if (report.mappingVariesByDestIp === undefined) return 'unknown';
  return report.mappingVariesByDestIp ? 'hard' : 'easy';
}

/** Sentences for people, the most important first. */
export function natWords(facts: NatFacts): readonly string[] {
  const { report } = facts;
  const words = [KINDS[natKind(facts)]];
  if (report.captivePortal === true)
    words.unshift('The network wants you to sign in on its own web page first; open any page in a browser.');
  if (isBehindCarrier(facts))
    words.push(
      'The provider has a NAT of its own in front of the router, so that a port on the router reaches nobody.',
    );
  if (hasPortMapping(report) && natKind(facts) !== 'none')
    words.push(
      'The router maps ports on request, which makes a direct connection likely whatever its NAT does.',
    );
  else if (natKind(facts) === 'hard')
    words.push(
      'What helps: UPnP or NAT-PMP switched on in the router of either side, a forwarded port, or IPv6 on both.',
    );
  if (report.ipv6 && natKind(facts) !== 'only-ipv6')
    words.push('IPv6 works: with peers that have it too, NAT is not in the way.');
  if (report.hairpin === false)
    words.push(
      'The router does not reflect: machines behind it reach each other by their local addresses only.',
    );
  else if (report.hairpin === true && natKind(facts) !== 'none')
    words.push('The router reflects: machines behind it can meet at their outside addresses too.');
  return words;
}

/** As the pairs of nat-traversal.md §7.2 behave. */
const KINDS: Readonly<Record<NatKind, string>> = {
  'no-answer':
    'No relay answered by any means: either this machine has no network now, or the relays are down or out of its reach. Connections that are direct already go on.',
  'udp-blocked':
    'UDP does not get through here, so there is no direct connection: all traffic goes by relay.',
  none: 'There is no NAT between this machine and the relays. Only a firewall can be in the way of a direct connection.',
  easy: 'The NAT is easy: one port for all destinations. Direct connections work, save perhaps with peers behind a hard NAT.',
  hard: 'The NAT is hard: another port for each destination. Direct connections work with peers that let anybody in or tell senders apart by address alone; with others traffic goes by relay.',
  unknown: 'There is a NAT; of which kind could not be seen, as that takes answers of two relays by IPv4.',
  'only-ipv6': 'Only IPv6 gets through: direct connections work with peers that have IPv6.',
};

const hasPortMapping = ({ upnp, pmp, pcp }: NetReport): boolean =>
  upnp === true || pmp === true || pcp === true;

/** RFC 6598: addresses between a carrier's NAT and its customers. */
const CARRIER = parsePrefix('100.64.0.0/10');

/** We stand right behind the carrier's NAT: no router of our own is between. */
function isBehindCarrier({ localIps, report }: NatFacts): boolean {
  if (CARRIER === undefined || report.globalV4 === undefined || localIps.includes(report.globalV4.ip))
    return false;
  return localIps.some((text) => {
    const ip = parseIp(text);
    return ip !== undefined && prefixContains(CARRIER, ip);
  });
}
