/** From the state of a path machine to what the engine shall do, and whether that is news. */
import { isSame } from './path-draft.ts';
import type { Direct, PathState } from './path-types.ts';
import type { EnginePath } from './types.ts';

/** A doubted address is used beside the relay, never instead of it (nat-traversal.md §5.4, §9.5-2). */
export function enginePath(
  { best, data }: Pick<PathState, 'best' | 'data'>,
  relay: number | undefined,
): EnginePath {
  if (best.kind === 'none')
    return relay === undefined ? { mode: 'none' } : { mode: 'relay', relayRegion: relay };
  const direct = { direct: best.addr, via: best.via === 0 ? undefined : best.via };
  if (relay === undefined) return { mode: 'direct', ...direct };
  // The address stays in, so that the engine notes what comes from it.
  if (data.kind === 'blocked') return { mode: 'relay', ...direct, relayRegion: relay };
  if (data.kind === 'suspect' || isCopied(best))
    return { mode: 'direct+relay', ...direct, relayRegion: relay };
  return { mode: 'direct', ...direct, relayRegion: relay, validUntilMs: best.trustUntilMs };
}

const isCopied = ({ check }: Direct): boolean =>
  check.kind === 'failed' || (check.kind === 'again' && check.copied);

export const isSamePath = (a: EnginePath, b: EnginePath): boolean =>
  isSameWay(a, b) && a.mode === b.mode && a.validUntilMs === b.validUntilMs;

/** Apart from the time for which a direct path is trusted, and from whether a copy goes by relay meanwhile. */
export const isSameWay = (a: EnginePath, b: EnginePath): boolean =>
  wayOf(a) === wayOf(b) && a.relayRegion === b.relayRegion && isSame(a.direct, b.direct) && a.via === b.via;

/** What the user is told. */
export const wayOf = ({ mode }: EnginePath): 'none' | 'relay' | 'direct' =>
  mode === 'direct+relay' ? 'direct' : mode;
