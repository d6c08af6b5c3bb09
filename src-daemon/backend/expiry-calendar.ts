/** When the next key of a map expires; kept per base of the map's peers, so that a small change of the map stays one. */
import type { Node } from '#shared/wire/node.ts';
import { OverlayMap } from '../control/overlay-map.ts';
import type { NetworkMap } from '../control/types.ts';
import { nextExpiryInMs } from './expiry.ts';

type Peers = ReadonlyMap<string, Node>;
const NO_EDITS: ReadonlyMap<string, Node | undefined> = new Map();

/** Nodes whose key ever expires, the soonest first. */
const calendars = new WeakMap<Peers, readonly Node[]>();

/**
 * Milliseconds until the next expiry deserves a look; undefined when none is ahead. A peer that was changed since counts as
 * it was, too: an extra look costs little.
 */
export function nextExpiryOf({ self, peers, clockSkewMs }: NetworkMap, nowMs: number): number | undefined {
  const { base, edits } =
    peers instanceof OverlayMap ? (peers as OverlayMap<Node>).layers : { base: peers, edits: NO_EDITS };
  const soonest = calendarOf(base).find(({ KeyExpiry }) => (KeyExpiry ?? 0) > nowMs + clockSkewMs);
  const edited = [...edits.values()].filter((node) => node !== undefined);
  const candidates = soonest === undefined ? [self, ...edited] : [self, ...edited, soonest];
  return nextExpiryInMs(candidates, nowMs, clockSkewMs);
}

function calendarOf(base: Peers): readonly Node[] {
  const known = calendars.get(base);
  if (known !== undefined) return known;
  const made = [...base.values()]
    .filter(({ KeyExpiry }) => KeyExpiry !== undefined)
    .sort((a, b) => (a.KeyExpiry ?? 0) - (b.KeyExpiry ?? 0));
  calendars.set(base, made);
  return made;
}
