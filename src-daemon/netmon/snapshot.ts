/** The machine's network as it is now: interface addresses and default routes. */
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { parsePrefix } from '#shared/ip/address.ts';

export interface InterfaceAddress {
  readonly interfaceName: string;
  /** Canonical text, without a zone. */
  readonly ip: string;
  readonly bits: number;
  readonly isLoopback: boolean;
}

export interface NetworkSnapshot {
  /** Of interfaces that are up and running, in the order of name and address. */
  readonly addresses: readonly InterfaceAddress[];
  /** `family interface gateway` of each, sorted. */
  readonly defaultRoutes: readonly string[];
}

export async function readSnapshot(): Promise<NetworkSnapshot> {
  const [v4, v6] = await Promise.all([readProc('/proc/net/route'), readProc('/proc/net/ipv6_route')]);
  return {
    addresses: readAddresses(),
    defaultRoutes: [...defaultRoutes4(v4), ...defaultRoutes6(v6)].sort(),
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

/** Columns: interface, destination, gateway, flags, …, mask at 7. Numbers are hex in host order. */
export function defaultRoutes4(table: string): string[] {
  return table.split('\n').flatMap((line) => {
    const columns = line.split('\t').map((column) => column.trim());
    const [name, destination, gateway] = columns;
    return destination === '00000000' && columns[7] === '00000000' ? [`4 ${name} ${gateway}`] : [];
  });
}

const RTF_REJECT = 0x200;

/** Columns: destination, its length, source, its length, next hop, metric, use counts, flags, interface. */
export function defaultRoutes6(table: string): string[] {
  return table.split('\n').flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    const [destination = '', length, , , gateway] = columns;
    const isDefault = /^0{32}$/.test(destination) && length === '00';
    // The kernel lists "unreachable" as a route through lo.
    const isRejected = (Number.parseInt(columns[8] ?? '0', 16) & RTF_REJECT) !== 0;
    return isDefault && !isRejected ? [`6 ${columns[9]} ${gateway}`] : [];
  });
}
