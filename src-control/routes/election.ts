/** Which of several routers of one prefix carries it for everybody: the election of coordination-server.md §7.1, as a function. */

/** A router that announces the prefix and may carry it. */
export interface Candidate {
  readonly id: number;
  /** Its control connection is up, and its key has not ended. */
  readonly isOnline: boolean;
  /** It answered the last probe. */
  readonly isHealthy: boolean;
  /** Lower goes first; undefined comes after every number. */
  readonly priority: number | undefined;
}

export interface ElectionRules {
  /** A router with a better priority, or a lower id, takes the prefix back as soon as it can serve again. */
  readonly failback: boolean;
}

const STICKY: ElectionRules = { failback: false };

/**
 * Who carries the prefix carries on while it can serve. Else the best of those that can takes over, and keeps it when the
 * former comes back. When nobody can, the last one stays, so that its users' packets go nowhere else meanwhile; a router
 * that is known not to answer is never newly chosen.
 */
export function elect(
  current: number | undefined,
  candidates: readonly Candidate[],
  rules: ElectionRules = STICKY,
): number | undefined {
  const able = candidates.filter((one) => one.isOnline && one.isHealthy);
  const isThere = (list: readonly Candidate[]): boolean => list.some(({ id }) => id === current);
  if (able.length === 0) return isThere(candidates) ? current : undefined;
  if (!rules.failback && isThere(able)) return current;
  return able.reduce((best, one) => (comesBefore(one, best) ? one : best)).id;
}

export const comesBefore = (a: Candidate, b: Candidate): boolean => {
  const [first, second] = [rank(a), rank(b)];
  return first === second ? a.id < b.id : first < second;
};

const rank = ({ priority }: Candidate): number => priority ?? Number.POSITIVE_INFINITY;
