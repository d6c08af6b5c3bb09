/** Schemas for the scalar forms of the wire (control-protocol.md §4.0), tolerant of null where Go emits it. */
import { z } from 'zod';
import {
  type DiscoKey,
  type LockKey,
  type MachineKey,
  type NodeKey,
  parseDiscoKey,
  parseLockKey,
  parseMachineKey,
  parseNodeKey,
} from '../key/key.ts';

/** Go's zero time, which means "unset". */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

const MAX_TEXT = 64 * 1024;
export const text = z.string().max(MAX_TEXT);
/** An int64 of the wire: a number when safe, else a bigint. Compare and index by `String(id)`. */
export const int64 = z.union([z.number().int(), z.bigint()]);

/** A key schema: text of that kind; the all-zero key, null and absence give undefined. */
function key<T extends string>(parse: (raw: string) => T) {
  return z
    .string()
    .max(256)
    .nullish()
    .transform((raw, context): T | undefined => {
      if (raw === undefined || raw === null || raw === '') return undefined;
      try {
        const parsed = parse(raw);
        return /:0{64}$/.test(parsed) ? undefined : parsed;
      } catch {
        context.addIssue({ code: 'custom', message: 'malformed key' });
        return z.NEVER;
      }
    });
}
export const machineKey = key<MachineKey>(parseMachineKey);
export const nodeKey = key<NodeKey>(parseNodeKey);
export const discoKey = key<DiscoKey>(parseDiscoKey);
export const lockKey = key<LockKey>(parseLockKey);

/** Null counts as absent. */
export const maybe = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);

/** A list that may be null or absent (undefined then); `[]` stays `[]`. */
export const list = <T extends z.ZodType>(schema: T, max = 65_536) => maybe(z.array(schema).max(max));

/** RFC 3339 text to ms since 1970; null and absence give undefined, Go's zero time gives `zero`. */
const timeWith = <Z extends null | undefined>(zero: Z) =>
  z
    .string()
    .max(64)
    .nullish()
    .transform((raw, context): number | Z | undefined => {
      if (raw === undefined || raw === null || raw === '') return undefined;
      const ms = Date.parse(raw);
      if (Number.isNaN(ms)) {
        context.addIssue({ code: 'custom', message: 'malformed time' });
        return z.NEVER;
      }
      return ms <= -62_135_596_800_000 ? zero : ms;
    });

/** A time that is unset in either way gives undefined. */
export const time = timeWith(undefined);
/** For patches, where the zero time (null here) clears what was set and absence leaves it. */
export const patchTime = timeWith(null);

export const formatTime = (ms: number | undefined): string =>
  ms === undefined ? ZERO_TIME : new Date(ms).toISOString();
