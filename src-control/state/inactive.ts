/** Deletes machines that nobody has seen for very long, where the administrator wants that. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import type { Network } from './network.ts';
import { SYSTEM } from './node-entry.ts';
import { removeNode } from './nodes.ts';

const LOOK_EVERY_MS = 3_600_000;

/**
 * Starts watching; the returned function ends it. Machines that wait for approval count from the day they came. `afterMs`
 * is asked at each look; 0 = nobody goes.
 */
export function watchInactive(network: Network, clock: Clock, log: Log, afterMs: () => number): () => void {
  const look = (): void => {
    const ms = afterMs();
    const limit = ms === 0 ? Number.NEGATIVE_INFINITY : clock.now() - ms;
    for (const { record, isOnline } of [...network.nodes()]) {
      if (isOnline || (record.lastSeen ?? record.createdAt) >= limit) continue;
      log('info', 'node.inactive-removed', { node: record.id, name: record.givenName });
      removeNode(network, record, SYSTEM).catch((error: unknown) =>
        log('error', 'node.not-written', { node: record.id, error }),
      );
    }
    cancel = clock.after(LOOK_EVERY_MS, look);
  };
  let cancel = clock.after(LOOK_EVERY_MS, look);
  return () => cancel();
}
