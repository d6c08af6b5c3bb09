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
