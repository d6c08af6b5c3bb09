/** What strangers are counted by. */
import { toHex } from '#shared/bytes/hex.ts';
import { parseIp, unmap } from '#shared/ip/address.ts';

/** Where a stranger has one address to choose from: an IPv4 address, or the /64 that every IPv6 host has to itself. */
export function networkOf(address: string | undefined): string {
  const ip = parseIp(address ?? '');
  if (ip === undefined) return address ?? '';
  return toHex(unmap(ip).subarray(0, 8));
}
