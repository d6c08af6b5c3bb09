/** Addresses in names of reverse lookups: `4.3.2.1.in-addr.arpa` and the nibbles of `ip6.arpa` (RFC 1035 §3.5, RFC 3596 §2.5). */
import { type IpBytes, parseIp } from '#shared/ip/address.ts';

const V4 = '.in-addr.arpa';
const V6 = '.ip6.arpa';
/** 32 nibbles and the dots between them. */
const NIBBLES = 63;

/** The address of a lower-case name; undefined when it is not one of a whole address. */
export function addressOfArpa(name: string): IpBytes | undefined {
  if (name.endsWith(V4)) return parseIp(name.slice(0, -V4.length).split('.', 5).reverse().join('.'));
  if (!name.endsWith(V6) || name.length !== NIBBLES + V6.length) return undefined;
  const ip = new Uint8Array(16);
  for (let i = 0; i < 32; i++) {
    const nibble = hexValue(name.charCodeAt(2 * i));
    if (nibble < 0 || (i < 31 && name[2 * i + 1] !== '.')) return undefined;
    const at = 15 - (i >> 1);
    ip[at] = (ip[at] as number) | (nibble << (4 * (i & 1)));
  }
  return ip;
}

/** Of an ASCII code; upper case has been lowered before. */
function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
}
