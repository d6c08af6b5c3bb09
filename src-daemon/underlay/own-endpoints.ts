/** The addresses at which peers may reach this machine, in the order they are worth trying (nat-traversal.md §5.2). Pure. */
import {
  formatSockAddr,
  type IpBytes,
  isTailnetIp,
  parseIp,
  parsePrefix,
  prefixContains,
  type SockAddr,
} from '#shared/ip/address.ts';
import { EndpointType } from '#shared/wire/map.ts';

export interface OwnEndpoint {
  readonly addr: SockAddr;
  readonly type: EndpointType;
}

/** What is known now; engine clock or any other that only goes forward, ms. */
export interface EndpointFacts {
  readonly nowMs: number;
  /** Port of the UDP socket. */
  readonly port: number;
  /** The port was asked for, so that a router may have a static forward for it. */
  readonly isPortFixed: boolean;
  /** Interface addresses, ready to be offered. */
  readonly local: readonly string[];
  readonly mapped: SockAddr | undefined;
  /** From STUN, best first. */
  readonly global4: readonly SockAddr[];
  readonly global6: readonly SockAddr[];
  /** The NAT gives each destination a port of its own; undefined while unknown. */
  readonly mappingVaries: boolean | undefined;
}

/** A check now and then misses an address: what was seen in this time is offered on. */
const CACHE_MS = 310_000;
/** Of one address; a NAT that gives each destination a port of its own would fill the list. */
const MAX_PER_IP = 6;
/** The server and peers take no more. */
const MAX_ENDPOINTS = 30;

interface Seen extends OwnEndpoint {
  readonly atMs: number;
}

/** What was offered lately, by `formatSockAddr`; addresses of interfaces are not remembered. */
export type EndpointMemory = ReadonlyMap<string, Seen>;
export const NO_MEMORY: EndpointMemory = new Map();

export function collectEndpoints(
  facts: EndpointFacts,
  memory: EndpointMemory,
): readonly [readonly OwnEndpoint[], EndpointMemory] {
  const { nowMs } = facts;
  const fresh = discovered(facts);
  const seen = new Map<string, Seen>();
  // Newest first, so that of one address those seen last stay.
  for (const endpoint of fresh) seen.set(formatSockAddr(endpoint.addr), { ...endpoint, atMs: nowMs });
  for (const [key, old] of memory) if (!seen.has(key) && nowMs - old.atMs < CACHE_MS) seen.set(key, old);
  const perIp = new Map<string, number>();
  for (const [key, { addr }] of seen) {
    const count = (perIp.get(addr.ip) ?? 0) + 1;
    perIp.set(addr.ip, count);
    if (count > MAX_PER_IP) seen.delete(key);
  }
  const list = new Map<string, OwnEndpoint>();
  for (const [key, { addr, type }] of seen) list.set(key, { addr, type });
  // Without a socket there is no port at which anybody could be met.
  for (const ip of facts.port === 0 ? [] : facts.local) {
    const addr = { ip, port: facts.port };
    const key = formatSockAddr(addr);
    if (!list.has(key)) list.set(key, { addr, type: EndpointType.Local });
  }
  return [[...list.values()].slice(0, MAX_ENDPOINTS), seen];
}

function discovered(facts: EndpointFacts): OwnEndpoint[] {
  const found: OwnEndpoint[] = [];
  const add = (addr: SockAddr, type: EndpointType): void => {
    const ip = parseIp(addr.ip);
    // An address inside the network's own range would lead back into the tunnel; the others lead to the peer itself or nowhere.
    if (ip !== undefined && addr.port !== 0 && !isTailnetIp(ip) && !isNowhere(ip)) found.push({ addr, type });
  };
  if (facts.mapped !== undefined) add(facts.mapped, EndpointType.PortMapped);
  for (const addr of facts.global4) add(addr, EndpointType.Stun);
  for (const addr of facts.global6) add(addr, EndpointType.Stun);
  const [first] = facts.global4;
  if (facts.mappingVaries === true && facts.isPortFixed && first !== undefined)
    add({ ip: first.ip, port: facts.port }, EndpointType.Stun4LocalPort);
  return found;
}

/** A server that lies or is on this very machine says so: no host besides us, or no single one, has it. */
const NOWHERE = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/127',
  'fe80::/10',
  'ff00::/8',
].flatMap((text) => parsePrefix(text) ?? []);
const isNowhere = (ip: IpBytes): boolean => NOWHERE.some((prefix) => prefixContains(prefix, ip));

/** Whether two lists offer the same, whatever their order. */
export function sameEndpoints(a: readonly OwnEndpoint[], b: readonly OwnEndpoint[]): boolean {
  const text = (list: readonly OwnEndpoint[]): string =>
    list
      .map(({ addr, type }) => `${formatSockAddr(addr)} ${type}`)
      .sort()
      .join();
  return text(a) === text(b);
}
