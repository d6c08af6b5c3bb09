/** The machine's network as it is now: interface addresses and default routes. */
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { formatIp, parsePrefix } from '#shared/ip/address.ts';

export interface InterfaceAddress {
  readonly interfaceName: string;
  /** Canonical text, without a zone. */
  readonly ip: string;
  readonly bits: number;
  readonly isLoopback: boolean;
}

export interface DefaultRoute {
  readonly family: 4 | 6;
  readonly interfaceName: string;
  /** Canonical text; all zeros when the route leads straight onto the link. */
  readonly gateway: string;
  readonly metric: number;
}

export interface NetworkSnapshot {
  /** Of interfaces that are up and running, in the order of name and address. */
  readonly addresses: readonly InterfaceAddress[];
  /** IPv4 first, the preferred one of each family first. */
  readonly defaultRoutes: readonly DefaultRoute[];
}

export async function readSnapshot(): Promise<NetworkSnapshot> {
  const [v4, v6] = await Promise.all([readProc('/proc/net/route'), readProc('/proc/net/ipv6_route')]);
  return {
    addresses: readAddresses(),
    defaultRoutes: [...defaultRoutes4(v4), ...defaultRoutes6(v6)].sort(byPreference),
  };
}

function readAddresses(): InterfaceAddress[] {
  const found: InterfaceAddress[] = [];
  for (const [interfaceName, list] of Object.entries(networkInterfaces())) {
    for (const { cidr, internal } of list ?? []) {
      const prefix = cidr === null ? undefined : parsePrefix(cidr.replace(/%[^/]*/, ''));
      if (prefix === undefined || cidr === null) continue;
      const ip = cidr.replace(/[%/].*$/, '');
      found.push({ interfaceName, ip, bits: prefix.bits, isLoopback: internal });
    }
  }
  const order = (a: InterfaceAddress): string => `${a.interfaceName} ${a.ip}`;
  return found.sort((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0));
}

/** The tables of the running kernel; a family that it lacks has no file, and other systems have none. */
async function readProc(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return '';
    throw error;
  }
}

function byPreference(a: DefaultRoute, b: DefaultRoute): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.metric !== b.metric) return a.metric - b.metric;
  const [x, y] = [`${a.interfaceName} ${a.gateway}`, `${b.interfaceName} ${b.gateway}`];
  return x < y ? -1 : x > y ? 1 : 0;
}

const RTF_REJECT = 0x200;
const NO_NUMBER = 0xffff_ffff;

/** Columns: interface, destination, gateway, flags, two counts, metric, mask. Addresses are hex in host order. */
export function defaultRoutes4(table: string): DefaultRoute[] {
  return table.split('\n').flatMap((line) => {
    const columns = line.split('\t').map((column) => column.trim());
    const [interfaceName = '', destination, hex = '', flags] = columns;
    if (destination !== '00000000' || columns[7] !== '00000000' || isRejected(flags)) return [];
    const gateway = /^[0-9A-Fa-f]{8}$/.test(hex) ? ipOfHostOrder(Number.parseInt(hex, 16)) : undefined;
    if (gateway === undefined) return [];
    return [{ family: 4, interfaceName, gateway, metric: Number.parseInt(columns[6] ?? '', 10) || 0 }];
  });
}

/** Columns: destination, its length, source, its length, next hop, metric, use counts, flags, interface. */
export function defaultRoutes6(table: string): DefaultRoute[] {
  return table.split('\n').flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    const [destination = '', length, , , hop = '', metric = ''] = columns;
    const isDefault = /^0{32}$/.test(destination) && length === '00';
    // The kernel lists "unreachable" as a route through lo.
    if (!isDefault || isRejected(columns[8]) || !/^[0-9a-f]{32}$/.test(hop)) return [];
    const gateway = formatIp(Uint8Array.from(Buffer.from(hop, 'hex')));
    const cost = Number.parseInt(metric, 16);
    return [
      { family: 6, interfaceName: columns[9] ?? '', gateway, metric: Number.isNaN(cost) ? NO_NUMBER : cost },
    ];
  });
}

const isRejected = (flags: string | undefined): boolean =>
  (Number.parseInt(flags ?? '0', 16) & RTF_REJECT) !== 0;

const ipOfHostOrder = (value: number): string => formatIp(new Uint8Array(Uint32Array.of(value).buffer));
