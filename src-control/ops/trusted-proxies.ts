/** From which address a request really comes, when proxies that the administrator names stand in between. */
import { formatIp, type IpBytes, type Prefix, parseIp, prefixContains, unmap } from '#shared/ip/address.ts';

/** Nobody chains more proxies; a longer list is somebody's invention. */
const MAX_HOPS = 32;

/** The parts of a request that matter. */
export interface Arrival {
  /** The other end of the connection. */
  readonly remoteAddress: string | undefined;
  /** `X-Forwarded-For`, several of them joined by commas as HTTP has it. */
  readonly forwardedFor: string | undefined;
}

/**
 * The right-most address that is no trusted proxy: everything left of it is only what that client says. From somebody who is no
 * trusted proxy the header counts for nothing (coordination-server.md §18).
 */
export function clientAddress(arrival: Arrival, trusted: readonly Prefix[]): string {
  const first = addressIn(arrival.remoteAddress ?? '');
  if (first === undefined) return arrival.remoteAddress ?? '';
  let client = first;
  const hops = (arrival.forwardedFor ?? '').split(',').slice(-MAX_HOPS);
  while (isTrusted(client, trusted)) {
    const next = addressIn(hops.pop() ?? '');
    // Nothing more, or nothing that can be read: the last proxy is all that is known.
    if (next === undefined) break;
    client = next;
  }
  return formatIp(client);
}

export const isTrustedProxy = (remoteAddress: string | undefined, trusted: readonly Prefix[]): boolean => {
  const ip = addressIn(remoteAddress ?? '');
  return ip !== undefined && isTrusted(ip, trusted);
};

const isTrusted = (ip: IpBytes, trusted: readonly Prefix[]): boolean =>
  trusted.some((prefix) => prefixContains(prefix, ip));

/** With or without a port, brackets and a zone. */
function addressIn(text: string): IpBytes | undefined {
  const bare = /^(?:\[([^\]]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+)(?::\d+)?|([^[\]]+))$/.exec(text.trim());
  const ip = parseIp((bare?.[1] ?? bare?.[2] ?? bare?.[3] ?? '').split('%', 1)[0] ?? '');
  return ip === undefined ? undefined : unmap(ip);
}
