/** Which peers have a deadline, and when the next one is: of ten thousand idle ones nobody looks at any. */
import { KEEPALIVE_TIMEOUT_MS } from './constants.ts';
import type { PeerEntry } from './peer-table.ts';
import { deadline } from './timers.ts';

/** A peer counts as active for this long after its last packet (data-plane.md §1.10). */
const ACTIVE_MS = 45_000;

type Watched = Pick<PeerEntry, 'peer' | 'timers' | 'words' | 'dueAt'>;

export class WatchList {
  readonly #watched = new Set<Watched>();

  /**
   * After its timers or words changed. A peer is watched while it has a deadline. While it is active its words may change
   * without telling us, and the nearest deadline that such a change can bring is a keepalive, so it is looked at every ten
   * seconds.
   */
  update(entry: Watched, nowMs: number): void {
    const { lastTxAny, lastRxAny } = entry.words;
    const last = Math.max(lastTxAny, lastRxAny);
    const own = deadline(entry.timers, entry.words);
    const look = last > 0 && nowMs - last < ACTIVE_MS ? nowMs + KEEPALIVE_TIMEOUT_MS : undefined;
    entry.dueAt = own === undefined ? look : look === undefined ? own : Math.min(own, look);
    if (entry.dueAt === undefined) this.#watched.delete(entry);
    else this.#watched.add(entry);
  }

  remove(entry: Watched): void {
    this.#watched.delete(entry);
  }

  due(nowMs: number): Watched['peer'][] {
    const due: Watched['peer'][] = [];
    for (const { peer, dueAt } of this.#watched) if (dueAt !== undefined && dueAt <= nowMs) due.push(peer);
    return due;
  }

  /** Undefined when only an event can bring work. */
  earliest(): number | undefined {
    let earliest: number | undefined;
    for (const { dueAt } of this.#watched)
      if (dueAt !== undefined && (earliest === undefined || dueAt < earliest)) earliest = dueAt;
    return earliest;
  }
}
