/** Reading parameters of a query as the official daemon does. */
import type { IncomingMessage } from 'node:http';
import { RhumbError } from '#shared/errors.ts';
import { readBody } from './body.ts';

/** strconv.ParseBool of Go; undefined for anything else. */
export function strictBool(text: string | null): boolean | undefined {
  if (text === null) return undefined;
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  return /^(0|f|F|FALSE|false|False)$/.test(text) ? false : undefined;
}

/** As strconv.ParseBool; anything else, and absence, gives the default. */
export const goBool = (text: string | null, fallback: boolean): boolean => strictBool(text) ?? fallback;

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration of Go such as `1m30s`, in ms; undefined when it is none. */
export function goDuration(text: string | null): number | undefined {
  if (text === null || text.length > 64) return undefined;
  if (text === '0') return 0;
  const parts = /^([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.exec(text);
  if (parts === null) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g))
    ms += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return parts[1] === '-' ? -ms : ms;
}

/** An id of a node or a user: a positive int64. */
export function positiveId(query: URLSearchParams): string {
  const text = query.get('id') ?? '';
  if (!/^\d{1,19}$/.test(text) || BigInt(text) <= 0n || BigInt(text) > 0x7fff_ffff_ffff_ffffn)
    throw new RhumbError('bad-argument', "invalid 'id' parameter");
  return String(BigInt(text));
}

/** A form in the body counts as parameters too, before those of the address. */
export async function withForm(request: IncomingMessage, query: URLSearchParams): Promise<URLSearchParams> {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/x-www-form-urlencoded\b/i.test(type)) return query;
  const form = new URLSearchParams(await readBody(request));
  for (const [name, value] of query) form.append(name, value);
  return form;
}
