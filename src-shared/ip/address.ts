/** IPv4 and IPv6 addresses, prefixes and socket addresses: bytes inside, canonical text outside (RFC 5952). */

/** 4 or 16 bytes. */
export type IpBytes = Uint8Array;

export interface Prefix {
  readonly ip: IpBytes;
  readonly bits: number;
}

/** An IP address in canonical text and a port. */
export interface SockAddr {
  readonly ip: string;
  readonly port: number;
}

const DOT = 46;
const ZERO = 48;
const COLON = 58;

// Addresses are read by the ten thousand whenever a large network changes: character by character, as splitting and matching
// take ten times as long.

/** 0 to 9; -1 for what is no digit. */
const decimalDigit = (code: number): number => (code >= ZERO && code < COLON ? code - ZERO : -1);

/** 0 to 15; -1 for what is no digit. */
function hexDigit(code: number): number {
  const letter = (code | 32) - 97;
  return letter >= 0 && letter < 6 ? letter + 10 : decimalDigit(code);
}

function parseV4(text: string): IpBytes | undefined {
  const out = new Uint8Array(4);
  let count = 0;
  let value = -1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (value < 0 || count === 3) return undefined;
      out[count++] = value;
      value = -1;
      continue;
    }
    const digit = decimalDigit(code);
    // Nothing follows a leading zero.
    if (digit < 0 || value === 0) return undefined;
    value = value < 0 ? digit : 10 * value + digit;
    if (value > 255) return undefined;
  }
  if (value < 0 || count < 3) return undefined;
  out[3] = value;
  return out;
}

/** Puts groups of IPv6 into `out` from `at` on; gives where they end, or -1 when they are none, or too many. */
function readGroups(text: string, out: Uint8Array, at: number): number {
  let value = 0;
  let digits = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : COLON;
    if (code === COLON) {
      if (digits === 0 || digits > 4 || at >= 16) return -1;
      out[at++] = value >> 8;
      out[at++] = value & 255;
      value = 0;
      digits = 0;
      continue;
    }
    const digit = hexDigit(code);
    if (digit < 0) return -1;
    value = 16 * value + digit;
    digits++;
  }
  return at;
}

/** A dotted quad may stand only at the very end of an address; the same in groups. */
function withoutQuad(text: string): string | undefined {
  const at = text.lastIndexOf(':') + 1;
  const v4 = parseV4(text.slice(at));
  if (v4 === undefined) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = v4;
  return `${text.slice(0, at)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

function parseV6(text: string): IpBytes | undefined {
  const out = new Uint8Array(16);
  const gap = text.indexOf('::');
  if (gap < 0) return readGroups(text, out, 0) === 16 ? out : undefined;
  const tail = text.slice(gap + 2);
  const end = gap === 0 ? 0 : readGroups(text.slice(0, gap), out, 0);
  let start = 16;
  if (tail !== '') start -= 2;
  for (let i = 0; i < tail.length; i++) if (tail.charCodeAt(i) === COLON) start -= 2;
  // The gap stands for one group at least.
  if (end < 0 || start - end < 2) return undefined;
  return tail === '' || readGroups(tail, out, start) === 16 ? out : undefined;
}

/** Accepts no zone, no brackets, no leading zeros in IPv4. */
export function parseIp(text: string): IpBytes | undefined {
  if (text.length > 45) return undefined;
  if (!text.includes(':')) return parseV4(text);
  const groups = text.includes('.') ? withoutQuad(text) : text;
  return groups === undefined ? undefined : parseV6(groups);
}

function formatV6(ip: IpBytes): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((ip[i] as number) << 8) | (ip[i + 1] as number));
  let bestAt = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) {
      bestAt = i;
      bestLength = length;
    }
  }
  const hex = (list: readonly number[]): string => list.map((g) => g.toString(16)).join(':');
  if (bestAt < 0) return hex(groups);
  return `${hex(groups.slice(0, bestAt))}::${hex(groups.slice(bestAt + bestLength))}`;
}

export function formatIp(ip: IpBytes): string {
  return ip.length === 4 ? ip.join('.') : formatV6(ip);
}

/** Canonical text of an address, or undefined when it is none. */
export function canonicalIp(text: string): string | undefined {
  const ip = parseIp(text);
  return ip === undefined ? undefined : formatIp(ip);
}

/** `ip/bits`, or a bare address as a single-host prefix. Host bits are kept; see `maskPrefix`. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const ip = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (ip === undefined) return undefined;
  const max = ip.length * 8;
  if (slash < 0) return { ip, bits: max };
  let bits = -1;
  for (let i = slash + 1; i < text.length; i++) {
    const digit = decimalDigit(text.charCodeAt(i));
    if (digit < 0 || bits === 0) return undefined;
    bits = bits < 0 ? digit : 10 * bits + digit;
    if (bits > max) return undefined;
  }
  return bits < 0 ? undefined : { ip, bits };
}

export const formatPrefix = (prefix: Prefix): string => `${formatIp(prefix.ip)}/${prefix.bits}`;

/** The same prefix with its host bits cleared. */
export function maskPrefix(prefix: Prefix): Prefix {
  const ip = prefix.ip.slice();
  for (let i = 0; i < ip.length; i++) {
    const keep = Math.max(0, Math.min(8, prefix.bits - 8 * i));
    ip[i] = (ip[i] as number) & (0xff << (8 - keep));
  }
  return { ip, bits: prefix.bits };
}

export function prefixContains(prefix: Prefix, ip: IpBytes): boolean {
  if (prefix.ip.length !== ip.length) return false;
  const whole = prefix.bits >> 3;
  for (let i = 0; i < whole; i++) if (prefix.ip[i] !== ip[i]) return false;
  const rest = prefix.bits & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return (((prefix.ip[whole] as number) ^ (ip[whole] as number)) & mask) === 0;
}

/** `1.2.3.4:5` or `[2001:db8::1]:5`; a zone or an unbracketed IPv6 address gives undefined. */
export function parseSockAddr(text: string): SockAddr | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const ip = parseIp(match[1] ?? match[2] ?? '');
  const port = Number(match[3]);
  if (ip === undefined || port > 65_535 || (ip.length === 16) !== (match[1] !== undefined)) return undefined;
  return { ip: formatIp(ip), port };
}

export const formatSockAddr = (addr: SockAddr): string =>
  addr.ip.includes(':') ? `[${addr.ip}]:${addr.port}` : `${addr.ip}:${addr.port}`;

/** An IPv4 address as IPv4-mapped IPv6 (`::ffff:a.b.c.d`), an IPv6 address as it is: 16 bytes. */
export function to16(ip: IpBytes): Uint8Array {
  if (ip.length === 16) return ip;
  const out = new Uint8Array(16);
  out[10] = out[11] = 0xff;
  out.set(ip, 12);
  return out;
}

/** The inverse of `to16`: 4 bytes for a mapped address. */
export function unmap(ip: Uint8Array): IpBytes {
  for (let i = 0; i < 10; i++) if (ip[i] !== 0) return ip;
  return ip[10] === 0xff && ip[11] === 0xff ? ip.slice(12) : ip;
}

const prefixOf = (text: string): Prefix => {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new TypeError(text);
  return prefix;
};

/** The ranges of the network's own addresses (control-protocol.md §7.1). */
export const CGNAT: Prefix = prefixOf('100.64.0.0/10');
export const CHROMEOS: Prefix = prefixOf('100.115.92.0/23');
export const TAILNET_ULA: Prefix = prefixOf('fd7a:115c:a1e0::/48');
export const SERVICE_IP = '100.100.100.100';
export const SERVICE_IP6 = 'fd7a:115c:a1e0::53';

export function isTailnetIp(ip: IpBytes): boolean {
  if (ip.length === 4) return prefixContains(CGNAT, ip) && !prefixContains(CHROMEOS, ip);
  return prefixContains(TAILNET_ULA, ip);
}
