/** What of a relay map machines are told: the known fields, each of the type that official clients insist on. */
import { z } from 'zod';
import { derpNode, derpRegion } from '#shared/wire/map.ts';
import { list, maybe } from '#shared/wire/scalars.ts';

/** Nothing else is passed on: one field of a wrong type, and the official client can't read the whole message (Go's JSON). */
const node = z.object({
  ...derpNode.shape,
  /** -1 = none. */
  STUNPort: maybe(z.int().min(-1).max(65_535)),
  DERPPort: maybe(z.int().min(0).max(65_535)),
});
const region = z.object({
  ...derpRegion.shape,
  Latitude: maybe(z.number()),
  Longitude: maybe(z.number()),
  Nodes: list(node, 1_024),
});

export const offeredMap = z.object({
  HomeParams: maybe(z.object({ RegionScore: maybe(z.record(z.string(), z.number())) })),
  Regions: maybe(z.record(z.string().max(16), region.nullable())),
  omitDefaultRegions: maybe(z.boolean()),
});
