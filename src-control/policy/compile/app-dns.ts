/** Who may ask an app connector for names: its client answers those whom its filter would let through to 0.0.0.0, port 53. */
import { parseIp, parsePrefix } from '#shared/ip/address.ts';
import {
  type Addr,
  addrOf,
  cidrOf,
  contains,
  EMPTY,
  EVERYTHING,
  type RangeSet,
  setOfRanges,
  union,
} from '../sets/ranges.ts';
import type { WireDestination, WireRule } from './filter.ts';
import type { Machine } from './network.ts';

const TCP = 6;
const UDP = 17;
const DNS = 53;
/** What official clients try instead of an address of the internet. */
const PROBE: Addr = 0;
const PROBE_TEXT = '0.0.0.0';

/** A machine that may reach a connector's own port 53 may ask it too; who may use the internet can already. */
export function withAppDns(rules: readonly WireRule[], machine: Machine): readonly WireRule[] {
  const added = rules.flatMap(({ SrcIPs, DstPorts = [], IPProto }) => {
    const isDns = IPProto === undefined || IPProto.includes(TCP) || IPProto.includes(UDP);
    const leads = DstPorts.filter((one) => isDns && hasPort(one) && !isOpen(one));
    const isOwn = leads.some(({ IP }) => machine.addrs.some((addr) => contains(setOfText(IP), addr)));
    return isOwn && !DstPorts.some((one) => isOpen(one) && hasPort(one))
      ? [{ SrcIPs, DstPorts: [{ IP: PROBE_TEXT, Ports: { First: DNS, Last: DNS } }], IPProto: [TCP] }]
      : [];
  });
  return added.length === 0 ? rules : [...rules, ...added];
}

const hasPort = ({ Ports }: WireDestination): boolean => Ports.First <= DNS && DNS <= Ports.Last;
const isOpen = ({ IP }: WireDestination): boolean => contains(setOfText(IP), PROBE);

const known = new WeakMap<readonly WireRule[], RangeSet>();

/** The addresses whose questions a connector with this filter answers. */
export function askersOf(rules: readonly WireRule[]): RangeSet {
  const before = known.get(rules);
  if (before !== undefined) return before;
  const open = rules.filter(
    ({ DstPorts = [], IPProto }) =>
      (IPProto === undefined || IPProto.includes(TCP)) && DstPorts.some((one) => hasPort(one) && isOpen(one)),
  );
  const askers = union(open.flatMap(({ SrcIPs }) => SrcIPs.map(setOfText)));
  known.set(rules, askers);
  return askers;
}

/** `*`, an address, a prefix, or `first-last`, as filters have them. */
function setOfText(text: string): RangeSet {
  if (text === '*') return EVERYTHING;
  const [first, last] = text.split('-').map(parseIp);
  if (first !== undefined) return setOfRanges([[addrOf(first), addrOf(last ?? first)]]);
  const prefix = parsePrefix(text);
  if (prefix === undefined) return EMPTY;
  const cidr = cidrOf(prefix);
  return setOfRanges([[cidr.first, cidr.last]]);
}
