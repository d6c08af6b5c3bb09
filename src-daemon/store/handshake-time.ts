/** The latest time that our handshakes have named: a later run must name a later one, though the clock went back (data-plane.md §1.3). */
import type { StateStore } from './state-store.ts';

const KEY = '_handshaketime';
/** Written at most this often while the clock goes on; what a kill may lose. */
const INTERVAL_MS = 60_000;

export interface HandshakeTime {
  /** Wall clock ms that handshakes of this run must pass; undefined when none was ever sent. */
  readonly floorMs: number | undefined;
  /** A handshake named a time not after this. Cheap to call. */
  sent(ceilingMs: number): void;
}

/**
 * Peers refuse an initiation that is not newer than the last. Only a clock that evidently went back needs the margin for
 * what was not written: otherwise each restart would push the timestamps further into the future.
 */
export function openHandshakeTime(store: StateStore, nowMs: number): HandshakeTime {
  const stored = read(store);
  let written = stored ?? Number.NEGATIVE_INFINITY;
  return {
    floorMs: stored === undefined || stored <= nowMs ? stored : stored + INTERVAL_MS,
    sent: (ceilingMs) => {
      if (ceilingMs < written + INTERVAL_MS) return;
      written = ceilingMs;
      // The store reports what went wrong, and tries again with the next write.
      store.set(KEY, new TextEncoder().encode(String(ceilingMs))).catch(() => undefined);
    },
  };
}

function read(store: StateStore): number | undefined {
  const text = new TextDecoder().decode(store.get(KEY));
  // A damaged entry costs peers' patience only where the clock goes back too.
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
