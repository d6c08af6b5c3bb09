/** The address a connection comes from; never taken from a header, which anybody can write (nat-traversal.md §9.2). */
import { formatIp, parseIp, type SockAddr, unmap } from '#shared/ip/address.ts';

interface Remote {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

export function sourceOf(socket: Remote): SockAddr | undefined {
  const parsed = parseIp((socket.remoteAddress ?? '').split('%', 1)[0] ?? '');
  if (parsed === undefined || socket.remotePort === undefined) return undefined;
  return { ip: formatIp(unmap(parsed)), port: socket.remotePort };
}
