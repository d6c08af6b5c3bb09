/** The filter of a network map as the engine takes it: every way the server may write a source or destination, as prefixes. */
import {
  formatIp,
  formatPrefix,
  type IpBytes,
  type Prefix,
  parseIp,
  parsePrefix,
  prefixContains,
} from '#shared/ip/address.ts';
import type { FilterRule } from '#shared/wire/map.ts';
import type { Node } from '#shared/wire/node.ts';
import type { FilterRuleSpec } from '../engine/types.ts';

const EVERYWHERE: readonly string[] = ['0.0.0.0/0', '::/0'];
/** Sources that have a capability instead of an address. */
const CAP = 'cap:';

/** A rule that stays keeps its object, so that the engine goes on counting what it lets in. */
const made = new WeakMap<FilterRule, FilterRuleSpec | 'none'>();

/** Rules about capabilities alone are none for packets. What can't be read matches nothing. */
export function filterSpec(
  rules: readonly FilterRule[] | undefined,
  peers: Iterable<Node>,
): readonly FilterRuleSpec[] {
  // A server that sent no filter has let nobody in (control-protocol.md §5.4).
  if (rules === undefined) return [];
  const holders = [...peers];
  const specs: FilterRuleSpec[] = [];
  for (const rule of rules) {
    const known = made.get(rule);
    const spec = known ?? specOf(rule, holders) ?? 'none';
    // Who holds a capability may change without the rule.
    if (!namesCapability(rule)) made.set(rule, spec);
    if (spec !== 'none') specs.push(spec);
  }
  return specs;
}

/** Whether who has a capability matters to any of the rules. */
export const isAboutCapabilities = (rules: readonly FilterRule[] | undefined): boolean =>
  rules?.some(namesCapability) === true;

const namesCapability = ({ SrcIPs }: FilterRule): boolean =>
  SrcIPs?.some((text) => text.startsWith(CAP)) === true;

function specOf(rule: FilterRule, holders: readonly Node[]): FilterRuleSpec | undefined {
  const protocols = (rule.IPProto ?? []).filter((number) => number >= 0 && number <= 255);
  const sources = (rule.SrcIPs ?? []).flatMap((text) =>
    text.startsWith(CAP) ? addressesWith(holders, text.slice(CAP.length)) : prefixesOf(text),
  );
  const destinations = (rule.DstPorts ?? []).flatMap(({ IP, Ports: { First: first, Last: last } }) =>
    first >= 0 && first <= last && last <= 65_535
      ? prefixesOf(IP).map((prefix) => ({ prefix, first, last }))
      : [],
  );
  // A rule whose protocols were all unreadable must not become one for the usual ones.
  const lostProtocols = protocols.length === 0 && (rule.IPProto ?? []).length > 0;
  if (sources.length === 0 || destinations.length === 0 || lostProtocols) return undefined;
  return { protocols, sources, destinations };
}

/**
 * Whether the rules let in a machine whose key the network's lock has not signed: it may only speak to our PeerAPI, so that
 * server is broken or hostile, and nothing of its filter is believed (localapi-and-daemon.md §9.4).
 */
export function letsInUnsigned(specs: readonly FilterRuleSpec[], peers: Iterable<Node>): boolean {
  const unsigned: Prefix[] = [];
  for (const { UnsignedPeerAPIOnly, AllowedIPs, Addresses } of peers)
    if (UnsignedPeerAPIOnly === true)
      for (const text of AllowedIPs ?? Addresses ?? []) {
        const prefix = parsePrefix(text);
        if (prefix !== undefined) unsigned.push(prefix);
      }
  if (unsigned.length === 0) return false;
  return specs.some(({ sources }) =>
    sources.some((text) => {
      const source = parsePrefix(text);
      return source !== undefined && unsigned.some((prefix) => overlaps(source, prefix));
    }),
  );
}

const overlaps = (a: Prefix, b: Prefix): boolean =>
  a.bits <= b.bits ? prefixContains(a, b.ip) : prefixContains(b, a.ip);

const addressesWith = (peers: readonly Node[], cap: string): readonly string[] =>
  peers
    .filter(
      ({ CapMap, UnsignedPeerAPIOnly }) =>
        UnsignedPeerAPIOnly !== true && CapMap !== undefined && Object.hasOwn(CapMap, cap),
    )
    .flatMap(({ Addresses }) => Addresses ?? []);

/** `*`, an address, a prefix, or a range `a-b`. */
function prefixesOf(text: string): readonly string[] {
  if (text === '*') return EVERYWHERE;
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return [formatPrefix(prefix)];
  const ip = parseIp(text);
  if (ip !== undefined) return [`${text}/${ip.length * 8}`];
  const [low, high] = text.split('-', 2).map(parseIp);
  return low === undefined || high === undefined || low.length !== high.length ? [] : coverRange(low, high);
}

/** The fewest prefixes that hold exactly the addresses from `low` to `high`. */
function coverRange(low: IpBytes, high: IpBytes): readonly string[] {
  const width = low.length * 8;
  const found: string[] = [];
  const end = toInt(high);
  for (let at = toInt(low); at <= end; ) {
    let hostBits = 0;
    // As large as the alignment of its beginning and what is left allow.
    while (hostBits < width) {
      const size = 1n << BigInt(hostBits + 1);
      if (at % size !== 0n || at + size - 1n > end) break;
      hostBits++;
    }
    found.push(`${formatIp(fromInt(at, low.length))}/${width - hostBits}`);
    at += 1n << BigInt(hostBits);
  }
  return found;
}

const toInt = (ip: Uint8Array): bigint => ip.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

function fromInt(value: bigint, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = length - 1, rest = value; i >= 0; i--, rest >>= 8n) out[i] = Number(rest & 255n);
  return out;
}
