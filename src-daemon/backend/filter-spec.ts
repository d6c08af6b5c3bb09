/** The filter of a network map as the engine takes it: every way the server may write a source or destination, as prefixes. */
import { formatIp, formatPrefix, type IpBytes, parseIp, parsePrefix } from '#shared/ip/address.ts';
import type { FilterRule } from '#shared/wire/map.ts';
import type { Node } from '#shared/wire/node.ts';
import type { FilterRuleSpec } from '../engine/types.ts';

const EVERYWHERE: readonly string[] = ['0.0.0.0/0', '::/0'];
/** Sources that have a capability instead of an address. */
const CAP = 'cap:';

/** Most maps come with the filter of the one before: so does what it was made into. */
const made = new WeakMap<readonly FilterRule[], readonly FilterRuleSpec[]>();

/** Rules about capabilities alone are none for packets. What can't be read matches nothing. */
export function filterSpec(
  rules: readonly FilterRule[] | undefined,
  peers: Iterable<Node>,
): readonly FilterRuleSpec[] {
  // A server that sent no filter has let nobody in (control-protocol.md §5.4).
  if (rules === undefined) return [];
  const known = made.get(rules);
  if (known !== undefined) return known;
  const holders = [...peers];
  const specs = rules.flatMap((rule) => {
    const spec = {
      protocols: (rule.IPProto ?? []).filter((number) => number >= 0 && number <= 255),
      sources: (rule.SrcIPs ?? []).flatMap((text) =>
        text.startsWith(CAP) ? addressesWith(holders, text.slice(CAP.length)) : prefixesOf(text),
      ),
      destinations: (rule.DstPorts ?? []).flatMap(({ IP, Ports: { First: first, Last: last } }) =>
        first >= 0 && first <= last && last <= 65_535
          ? prefixesOf(IP).map((prefix) => ({ prefix, first, last }))
          : [],
      ),
    };
    // A rule whose protocols were all unreadable must not become one for the usual ones.
    const lostProtocols = spec.protocols.length === 0 && (rule.IPProto ?? []).length > 0;
    return spec.sources.length === 0 || spec.destinations.length === 0 || lostProtocols ? [] : [spec];
  });
  // Who holds a capability may change without the filter.
  if (!rules.some(({ SrcIPs }) => SrcIPs?.some((text) => text.startsWith(CAP)))) made.set(rules, specs);
  return specs;
}

const addressesWith = (peers: readonly Node[], cap: string): readonly string[] =>
  peers
    .filter(({ CapMap }) => CapMap !== undefined && Object.hasOwn(CapMap, cap))
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
