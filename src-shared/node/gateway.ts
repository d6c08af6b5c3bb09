/** The default router of this machine over IPv4, as the kernel's table has it. Linux only: elsewhere there is none to ask. */
import { readFile } from 'node:fs/promises';
import { formatIp } from '../ip/address.ts';
import { localAddresses } from './interfaces.ts';

export interface DefaultGateway {
  readonly gateway: string;
  /** Our address on its network. */
  readonly self: string;
}

export async function defaultGateway(): Promise<DefaultGateway | undefined> {
  let table: string;
  try {
    table = await readFile('/proc/net/route', 'latin1');
  } catch {
    // Not Linux, or a kernel without IPv4.
    return undefined;
  }
  const addresses = localAddresses();
  for (const { interfaceName, gateway } of gatewaysOf(table)) {
    const own = addresses.find(({ name, ip }) => name === interfaceName && !ip.includes(':'));
    if (own !== undefined) return { gateway, self: own.ip };
  }
  return undefined;
}

/** Default routes through a router, the preferred first. Columns: interface, destination, gateway, flags, …, metric at 6, mask at 7. */
export function gatewaysOf(
  table: string,
): readonly { readonly interfaceName: string; readonly gateway: string }[] {
  return table
    .split('\n')
    .map((line) => line.split('\t').map((column) => column.trim()))
    .filter(
      ([, destination, gateway = '', , , , , mask]) =>
        destination === '00000000' &&
        mask === '00000000' &&
        /^[0-9A-F]{8}$/.test(gateway) &&
        gateway !== '00000000',
    )
    .sort((a, b) => Number(a[6]) - Number(b[6]))
    .map(([interfaceName = '', , gateway = '']) => ({
      interfaceName,
      gateway: formatIp(hostOrder(gateway)),
    }));
}

/** The kernel prints the number as the machine stores it; all that Node runs on are little-endian. */
const hostOrder = (hex: string): Uint8Array =>
  Uint8Array.from([6, 4, 2, 0], (at) => Number.parseInt(hex.slice(at, at + 2), 16));
