/** Which upstreams are reached through the tunnel, by the routes that lead into it. */
import { parseIp, parsePrefix } from '#shared/ip/address.ts';
import { PrefixTable } from '#shared/ip/table.ts';
import type { ResolverConfig } from './types.ts';

const INSIDE = 1;
const OUTSIDE = 0;

/**
 * Whether a socket to an address must be kept out of the tunnel. With everything going through an exit node none is: what the
 * routes don't send there, the kill switch shall judge.
 */
export function marksFor({ routes, except }: ResolverConfig['inside']): (ip: string) => boolean {
  const table = new PrefixTable();
  let isEverything = false;
  const put = (texts: readonly string[], value: number): void => {
    for (const text of texts) {
      const prefix = parsePrefix(text);
      if (prefix === undefined) continue;
      table.set(prefix, value);
      if (prefix.bits === 0) isEverything = true;
    }
  };
  put(routes, INSIDE);
  put(except, OUTSIDE);
  return (text) => {
    const ip = parseIp(text);
    return !isEverything && ip !== undefined && table.lookup(ip) !== INSIDE;
  };
}
