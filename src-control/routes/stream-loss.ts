/** Routers that lost their connection hand over long before they are shown as offline (coordination-server.md §7.3). */
import type { Clock } from '#shared/async/clock.ts';

/** A daemon that only reconnects is back by then; everybody else waits no longer for another way. */
const PATIENCE_MS = 1_000;

export interface StreamLossDeps {
  readonly clock: Clock;
  /** Told of each machine whose streams change; the result ends it. */
  readonly watchStreams: (listener: (nodeId: number) => void) => () => void;
  readonly hasStream: (nodeId: number) => boolean;
  /** Whether anybody sends anything through it. */
  readonly isRouter: (nodeId: number) => boolean;
  readonly setHealth: (health: ReadonlyMap<number, boolean>) => void;
}

/** Starts watching; the returned function ends it. */
export function watchStreamLoss(deps: StreamLossDeps): () => void {
  const timers = new Map<number, () => void>();
  const disarm = (id: number): void => {
    timers.get(id)?.();
    timers.delete(id);
  };
  const unsubscribe = deps.watchStreams((id) => {
    disarm(id);
    if (!deps.isRouter(id)) return;
    if (deps.hasStream(id)) {
      deps.setHealth(new Map([[id, true]]));
      return;
    }
    const cut = (): void => {
      timers.delete(id);
      deps.setHealth(new Map([[id, false]]));
    };
    timers.set(id, deps.clock.after(PATIENCE_MS, cut));
  });
  return () => {
    unsubscribe();
    for (const cancel of timers.values()) cancel();
  };
}
