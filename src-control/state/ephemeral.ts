/** Deletes ephemeral machines that have been away for a while; also those that were away when the server started. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { What } from './changes.ts';
import type { Network } from './network.ts';
import { removeNode } from './nodes.ts';

/** Starts watching; the returned function ends it. */
export function watchEphemeral(network: Network, clock: Clock, log: Log, inactivityMs: number): () => void {
  const timers = new Map<number, () => void>();
  const disarm = (id: number): void => {
    timers.get(id)?.();
    timers.delete(id);
  };
  const remove = (id: number): void => {
    timers.delete(id);
    const view = network.node(id);
    if (view === undefined || view.isOnline) return;
    log('info', 'node.ephemeral-removed', { node: id, name: view.record.givenName });
    removeNode(network, view.record).catch((error: unknown) =>
      log('error', 'node.not-written', { node: id, error }),
    );
  };
  const look = (id: number): void => {
    const view = network.node(id);
    if (view === undefined || view.isOnline || !view.record.ephemeral) disarm(id);
    else if (!timers.has(id))
      timers.set(
        id,
        clock.after(inactivityMs, () => remove(id)),
      );
  };
  for (const { record } of network.nodes()) look(record.id);
  const unsubscribe = network.subscribe((changes) => {
    for (const change of changes) {
      // A machine that signed in anew has all of its time again to come (coordination-server.md §5).
      if (change.kind === 'node' && change.what & What.Key) disarm(change.id);
      if (change.kind === 'node' || change.kind === 'removed') look(change.id);
    }
  });
  return () => {
    unsubscribe();
    for (const cancel of timers.values()) cancel();
  };
}
