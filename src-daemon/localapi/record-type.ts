/** Names of DNS record types as clients of `dns-query` write them. */

const TYPES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  HINFO: 13,
  MINFO: 14,
  PTR: 12,
  WKS: 11,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  SVCB: 64,
  HTTPS: 65,
  CAA: 257,
  ALL: 255,
};

/** '' is an address. Undefined for a name that nobody knows. */
export function recordType(text: string): number | undefined {
  const name = text.trim().toUpperCase();
  return name === '' ? 1 : Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
}
