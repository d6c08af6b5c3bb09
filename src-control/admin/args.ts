/** Parts of which many calls' arguments are made. */
import { z } from 'zod';

const YEAR_MS = 366 * 86_400_000;

/** Of a user, a machine, a key: short enough for any log. */
export const name = z.string().min(1).max(128);
/** 0 = for ever. */
export const spanMs = z
  .int()
  .min(0)
  .max(100 * YEAR_MS);
export const nothing = z.strictObject({});
/** For people, of whatever was made. */
export const description = z.string().max(256);
export const tags = z
  .array(
    z
      .string()
      .max(256)
      .regex(/^tag:[A-Za-z][A-Za-z0-9-]*$/, 'a tag is tag: and a letter, then letters, digits and dashes'),
  )
  .max(64);
/** Names are compared with the list where they are given out. */
export const scopes = z.array(z.string().min(1).max(64)).max(64);
