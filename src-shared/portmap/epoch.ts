/** Tells from a server's epoch whether it lost its mappings since we last heard it (RFC 6886 §3.6, RFC 6887 §8.5). */

export interface EpochSeen {
  readonly epochS: number;
  /** Monotonic ms. */
  readonly atMs: number;
}

/** Older than expected by more than this, or newer than it can be: it began anew in between. */
const SLACK_S = 2;
/** The server's clock may run slower or faster by a sixteenth. */
const DRIFT = 16;

export function hasRestarted(before: EpochSeen, now: EpochSeen): boolean {
  // One second back is allowed: two answers may have been reordered on the way.
  if (now.epochS < before.epochS - 1) return true;
  const client = (now.atMs - before.atMs) / 1_000;
  const server = now.epochS - before.epochS;
  return client + SLACK_S < server - server / DRIFT || server + SLACK_S < client - client / DRIFT;
}
