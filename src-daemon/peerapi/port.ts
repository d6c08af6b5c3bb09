/** On which port the PeerAPI of an address listens: usually the same one for the same address (localapi-and-daemon.md §8.1). */
import { crc32 } from 'node:zlib';
import { parseIp } from '#shared/ip/address.ts';

/** Ports tried before any free one is taken. */
export const PORT_ATTEMPTS = 5;
const HALF = 0x8000;

export function peerApiPort(ip: string, attempt: number): number {
  const bytes = parseIp(ip);
  if (bytes === undefined) return 0;
  // The last three bytes: the same in the IPv4 and the IPv6 address of most machines.
  const tail = bytes.slice(-3);
  tail[0] = (tail[0] as number) + attempt;
  return HALF | (crc32(tail) & 0xffff);
}
