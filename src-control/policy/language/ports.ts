/** Ports and protocols as rules write them (policy.md §4). */

export interface PortRange {
  readonly First: number;
  readonly Last: number;
}

export const ALL_PORTS: PortRange = { First: 0, Last: 65_535 };
export const isAllPorts = (range: PortRange): boolean => range.First === 0 && range.Last === 65_535;

/** One protocol (none: the client's default set of TCP, UDP, ICMP, ICMPv6) and its ports. */
export interface ProtoPorts {
  readonly proto: number | undefined;
  readonly ports: readonly PortRange[];
}

export interface Bad {
  readonly code: string;
  readonly why: string;
}

const isBad = (value: object): value is Bad => 'why' in value;

function parsePort(text: string): number | Bad {
  if (!/^\d+$/.test(text)) return { code: 'port-format', why: 'invalid first integer' };
  const port = Number(text);
  return port > 65_535 ? { code: 'port-range', why: 'port number out of range' } : port;
}

function parseItem(item: string): PortRange | Bad {
  if (!item.includes('-')) {
    const port = parsePort(item);
    if (typeof port !== 'number') return port;
    if (port === 0) return { code: 'port-zero', why: "first port must be >0, or use '*' for wildcard" };
    return { First: port, Last: port };
  }
  const ends = item.split('-');
  const [from = '', to = ''] = ends;
  if (ends.length !== 2 || from === '' || to === '')
    return { code: 'port-format', why: 'invalid port range format' };
  const [First, Last] = [parsePort(from), parsePort(to)];
  if (typeof First !== 'number') return First;
  if (typeof Last !== 'number') return Last;
  if (First > Last)
    return { code: 'port-range', why: 'invalid port range: first port is greater than last port' };
  return { First, Last };
}

export function parsePorts(text: string): readonly PortRange[] | Bad {
  if (text === '*') return [ALL_PORTS];
  const ranges: PortRange[] = [];
  for (const item of text.split(',')) {
    const range = parseItem(item);
    if (isBad(range)) return range;
    ranges.push(range);
  }
  return ranges;
}

export interface Destination {
  readonly selector: string;
  readonly ports: readonly PortRange[];
  /** An IPv6 address whose last group could be taken for the port. */
  readonly isUnbracketed: boolean;
}

const brackets = (what: string): Bad => ({
  code: 'brackets',
  why: `square brackets are only valid around IPv6 addresses: ${JSON.stringify(what)}`,
});

/** `selector:ports`, split at the last colon; IPv6 also in brackets (policy.md §4.1). */
export function parseDestination(text: string): Destination | Bad {
  let rest = text.trim();
  const isBracketed = rest.startsWith('[');
  if (isBracketed) {
    const match = /^\[([^\]]*:[^\]]*)\]((?:\/\d+)?:.*)$/.exec(rest);
    if (match === null || !/^[0-9a-fA-F:.]+$/.test(match[1] ?? '')) return brackets(rest);
    rest = `${match[1]}${match[2]}`;
  }
  if (!rest.includes(':'))
    return {
      code: 'port-missing',
      why: `hostport must contain a colon: write ${JSON.stringify(`${rest}:*`)} for all ports`,
    };
  const at = rest.lastIndexOf(':');
  const [selector, portText] = [rest.slice(0, at), rest.slice(at + 1)];
  if (selector === '') return { code: 'port-format', why: 'input cannot start with a colon character' };
  if (portText === '') return { code: 'port-format', why: 'input cannot end with a colon character' };
  const ports = parsePorts(portText);
  if ('why' in ports)
    return {
      code: ports.code,
      why: `dst=${JSON.stringify(text)}: port range ${JSON.stringify(portText)}: ${ports.why}`,
    };
  const isUnbracketed = !isBracketed && /^[0-9a-fA-F:]+:[0-9a-fA-F:]*(\/\d+)?$/.test(selector);
  return { selector, ports, isUnbracketed };
}

const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ipv4: 4,
  'ip-in-ip': 4,
  tcp: 6,
  egp: 8,
  igp: 9,
  udp: 17,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': 58,
  sctp: 132,
  fc: 133,
};

export function protocolName(proto: number): string {
  const known = Object.entries(PROTOCOLS).find(([, number]) => number === proto);
  return known === undefined ? `protocol ${proto}` : known[0];
}

/** TCP, UDP and SCTP have ports. */
export const hasPorts = (proto: number | undefined): boolean =>
  proto === undefined || proto === 6 || proto === 17 || proto === 132;

/** Undefined for the empty word: no restriction. */
export function parseProtocol(raw: string): number | undefined | Bad {
  const word = raw.trim().toLowerCase();
  if (word === '') return undefined;
  const known = Object.hasOwn(PROTOCOLS, word) ? PROTOCOLS[word] : undefined;
  if (known !== undefined) return known;
  if (!/^\d+$/.test(word)) {
    const hint = 'use protocol number 0-255 or protocol name (icmp, tcp, udp, etc.)';
    return { code: 'proto-unknown', why: `proto name ${JSON.stringify(raw)} not known; ${hint}` };
  }
  if (word.startsWith('0')) return { code: 'proto-zero', why: 'leading 0 not permitted in protocol number' };
  if (Number(word) > 255) return { code: 'proto-range', why: 'protocol number out of range (0-255)' };
  return Number(word);
}

export const noSpecificPorts = (proto: string): Bad => ({
  code: 'proto-ports',
  why: `protocol does not support specific ports: ${JSON.stringify(proto)}, only "*" is allowed`,
});

/** An entry of a grant's `ip`: `*`, `443`, `80-90,443`, `tcp:443`, `47:*` (policy.md §4.3). */
export function parseIpEntry(text: string): ProtoPorts | Bad {
  if (text === '*') return { proto: undefined, ports: [ALL_PORTS] };
  const parts = text.split(':');
  const [first = '', second = ''] = parts;
  if (parts.length > 2)
    return {
      code: 'ip-colons',
      why: `expected only one colon in Internet protocol and port type, got ${JSON.stringify(text)}`,
    };
  const portText = parts.length === 2 ? second : first;
  const proto = parts.length === 2 && first !== '*' ? parseProtocol(first) : undefined;
  if (typeof proto === 'object') return proto;
  const ports = parsePorts(portText);
  if ('why' in ports) {
    const hint =
      parts.length === 1 && Object.hasOwn(PROTOCOLS, text.toLowerCase())
        ? ` (did you mean "${text}:*"?)`
        : '';
    return { code: ports.code, why: `port range ${JSON.stringify(portText)}: ${ports.why}${hint}` };
  }
  if (!hasPorts(proto) && !ports.every(isAllPorts)) return noSpecificPorts(first);
  return { proto, ports };
}
