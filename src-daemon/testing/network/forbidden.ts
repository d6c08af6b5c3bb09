/** Addresses to which nothing may ever be sent for a peer, written anew: the oracle must not ask the code it judges. */
import { isTailnetIp, parseIp, parsePrefix, prefixContains, type SockAddr } from '#shared/ip/address.ts';

const refused = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '224.0.0.0/3',
  '::/128',
  '::1/128',
  'fe80::/10',
  'ff00::/8',
].flatMap((text) => parsePrefix(text) ?? []);

/** Where nothing may ever be sent for a peer. */
export function isForbidden({ ip, port }: SockAddr): boolean {
  const bytes = parseIp(ip);
  if (bytes === undefined || port === 0 || isTailnetIp(bytes)) return true;
  return refused.some((prefix) => prefixContains(prefix, bytes));
}
