/** What only a rhumbd tells: since when it is connected, how far the relays are, and where it looked for a peer. */
import { z } from 'zod';
import type { Frozen } from '../frozen.ts';
import { list, time } from '../wire/scalars.ts';
import { float, int, str } from './read.ts';
import { encodeFields, type Fields, goTimeOrOmit, keep } from './struct.ts';

const MAX_REGIONS = 1_024;
const MAX_TRIED = 256;

const relay = z.object({
  RegionID: int,
  RegionCode: str,
  RegionName: str,
  /** Of the last minutes; 0 = not measured. */
  LatencySeconds: float,
});

/** `rhumb/facts`. */
const factsShape = z.object({
  /** Undefined unless it is `Running`. */
  RunningSince: time,
  /** Undefined without a key, and for one that an earlier version made. */
  KeyCreated: time,
  Relays: list(relay, MAX_REGIONS),
});
export type RhumbFacts = Frozen<z.infer<typeof factsShape>>;
export const rhumbFacts: z.ZodType<RhumbFacts> = factsShape;

const emitFacts: Fields<RhumbFacts> = { RunningSince: goTimeOrOmit, KeyCreated: goTimeOrOmit, Relays: keep };
export const encodeRhumbFacts = (value: RhumbFacts): Record<string, unknown> =>
  encodeFields(emitFacts, value);

const tried = z.object({
  /** `ip:port`. */
  Endpoint: str,
  /** The packets go there. */
  InUse: z.boolean().catch(false),
  /** Undefined = never, or not since the network under one of the two changed. */
  Asked: time,
  Answered: time,
  LatencySeconds: float,
});
export type TriedEndpoint = Frozen<z.infer<typeof tried>>;

/** `rhumb/path`. */
const pathShape = z.object({ Tried: list(tried, MAX_TRIED) });
export type RhumbPath = Frozen<z.infer<typeof pathShape>>;
export const rhumbPath: z.ZodType<RhumbPath> = pathShape;

const emitTried: Fields<TriedEndpoint> = {
  Endpoint: keep,
  InUse: keep,
  Asked: goTimeOrOmit,
  Answered: goTimeOrOmit,
  LatencySeconds: keep,
};
export const encodeRhumbPath = ({ Tried }: RhumbPath): Record<string, unknown> => ({
  Tried: (Tried ?? []).slice(0, MAX_TRIED).map((one) => encodeFields(emitTried, one)),
});
