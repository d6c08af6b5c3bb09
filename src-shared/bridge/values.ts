/** Bounded pieces of what crosses the bridge. */
import { z } from 'zod';

export const shortText = z.string().max(256);
export const longText = z.string().max(8_192);
/** StableNodeID, profile id, operation id. */
export const id = z.string().min(1).max(128);
export const milliseconds = z.number().min(0).max(8.64e15);
export const bytes = z.number().int().min(0);

/** Of a record that a page keeps adding to. */
export const fewEntries = (value: object): boolean => Object.keys(value).length <= 256;

export const CODES = [
  'bad-argument',
  'not-allowed',
  'not-found',
  'unavailable',
  'timeout',
  'cancelled',
  'conflict',
  'managed',
  'internal',
] as const;
export type BridgeCode = (typeof CODES)[number];

/** What a call gives back; a stack trace never crosses. */
export type Reply =
  /** JSON knows no undefined, so a call that gives nothing has no value there. */
  | { readonly ok: true; readonly value?: unknown }
  | { readonly ok: false; readonly code: BridgeCode; readonly message: string };

export const reply: z.ZodType<Reply> = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), value: z.unknown().optional() }),
  z.object({ ok: z.literal(false), code: z.enum(CODES), message: longText }),
]);
