/** Questions typed by people: a name and a type in words, as a message. */
import { RhumbError } from '#shared/errors.ts';
import { encodeName } from './names.ts';
import { Class, Flag, HEADER_BYTES, OPT_BYTES, put16, putOpt } from './wire.ts';

/** Those that the official client knows, and a few that people look for. */
const TYPES: ReadonlyMap<string, number> = new Map([
  ['A', 1],
  ['NS', 2],
  ['CNAME', 5],
  ['SOA', 6],
  ['PTR', 12],
  ['HINFO', 13],
  ['MX', 15],
  ['TXT', 16],
  ['AAAA', 28],
  ['SRV', 33],
  ['NAPTR', 35],
  ['DS', 43],
  ['DNSKEY', 48],
  ['SVCB', 64],
  ['HTTPS', 65],
  ['ANY', 255],
  ['ALL', 255],
  ['CAA', 257],
]);

/** Throws `bad-argument` for what no one can ask. */
export function textQuery(name: string, type: string, id: number): Uint8Array {
  const number = TYPES.get(type.toUpperCase()) ?? typeNumber(type);
  const encoded = encodeName(name);
  if (encoded === undefined) throw new RhumbError('bad-argument', `"${name}" is not a domain name`);
  const out = new Uint8Array(HEADER_BYTES + encoded.length + 4 + OPT_BYTES);
  put16(out, 0, id);
  put16(out, 2, Flag.RD);
  put16(out, 4, 1);
  put16(out, 10, 1);
  out.set(encoded, HEADER_BYTES);
  const at = HEADER_BYTES + encoded.length;
  put16(out, at, number);
  put16(out, at + 2, Class.IN);
  putOpt(out, at + 4, 0);
  return out;
}

/** `28` or, as RFC 3597 writes those without a name, `TYPE28`. */
function typeNumber(text: string): number {
  const digits = /^(?:TYPE)?(\d{1,5})$/i.exec(text)?.[1];
  if (digits === undefined || Number(digits) > 65_535 || Number(digits) === 0)
    throw new RhumbError(
      'bad-argument',
      `"${text}" is not a type of records: use A, AAAA, PTR, TXT or a number`,
    );
  return Number(digits);
}
