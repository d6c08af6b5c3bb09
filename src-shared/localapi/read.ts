/** Schemas that read Go's JSON tolerantly: null and absence mean the zero value, every size has a bound. */
import { z } from 'zod';
import { canonicalIp, formatPrefix, parsePrefix, parseSockAddr } from '../ip/address.ts';
import { int64, text } from '../wire/scalars.ts';

export const str = text.nullish().transform((value) => value ?? '');
export const bool = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);
export const int = z
  .number()
  .int()
  .nullish()
  .transform((value) => value ?? 0);
export const float = z
  .number()
  .nullish()
  .transform((value) => value ?? 0);
export const id = int64.nullish().transform((value) => value ?? 0);
export const port = z
  .number()
  .int()
  .min(0)
  .max(65_535)
  .nullish()
  .transform((value) => value ?? undefined);

/** `opt.Bool`: undefined is "unset". Old releases wrote it as text. */
export const optBool = z
  .union([z.boolean(), z.literal('').transform(() => undefined)])
  .nullish()
  .transform((value) => value ?? undefined);

/** A map with text keys; null and absence give undefined. */
export const record = <T extends z.ZodType>(schema: T) =>
  z
    .record(z.string().max(1_024), schema)
    .nullish()
    .transform((value) => value ?? undefined);

/** Text that must parse; the canonical form comes out. */
const parsed = (parse: (raw: string) => string | undefined, what: string) =>
  z
    .string()
    .max(256)
    .transform((raw, context): string => {
      const value = parse(raw);
      if (value !== undefined) return value;
      context.addIssue({ code: 'custom', message: `not ${what}: ${JSON.stringify(raw)}` });
      return z.NEVER;
    });

/** `netip.Addr`: '' when unset. */
export const addr = parsed((raw) => (raw === '' ? '' : canonicalIp(raw)), 'an IP address')
  .nullish()
  .transform((value) => value ?? '');

/** `netip.Prefix`: always with a length. Host bits are kept, the backend says what it thinks of them. */
export const prefix = parsed((raw) => {
  const value = raw.includes('/') ? parsePrefix(raw) : undefined;
  return value === undefined ? undefined : formatPrefix(value);
}, 'an IP prefix');

/** `netip.AddrPort`. */
export const addrPort = parsed(
  (raw) => (parseSockAddr(raw) === undefined ? undefined : raw),
  'an IP address with a port',
);
