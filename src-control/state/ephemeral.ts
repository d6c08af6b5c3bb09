/** Deletes ephemeral machines that have been away for a while; also those that were away when the server started. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { What } from './changes.ts';
import type { Network } from './network.ts';
import { removeNode } from './nodes.ts';

export interface EphemeralWatch extends Disposable {
  /** Whoever is away already is given what is left of another time. */
  setInactivity(ms: number): void;
}

export function watchEphemeral(
  network: Network,
  clock: Clock,
  log: Log,
  firstInactivityMs: number,
): EphemeralWatch {
  let inactivityMs = firstInactivityMs;
  const timers = new Map<number, { readonly since: number; readonly cancel: () => void }>();
  const disarm = (id: number): void => {
    timers.get(id)?.cancel();
    timers.delete(id);
  };
  const arm = (id: number, since: number): void => {
    const left = Math.max(0, since + inactivityMs - clock.monotonic());
    timers.set(id, { since, cancel: clock.after(left, () => remove(id)) });
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
    else if (!timers.has(id)) arm(id, clock.monotonic());
  };
  for (const { record } of network.nodes()) look(record.id);
  const unsubscribe = network.subscribe((changes) => {
    for (const change of changes) {
      // A machine that signed in anew has all of its time again to come (coordination-server.md §5).
      if (change.kind === 'node' && change.what & What.Key) disarm(change.id);
      if (change.kind === 'node' || change.kind === 'removed') look(change.id);
    }
  });
  return {
    setInactivity: (ms) => {
      inactivityMs = ms;
      for (const [id, { since, cancel }] of [...timers]) {
        cancel();
        arm(id, since);
      }
    },
    [Symbol.dispose]: () => {
      unsubscribe();
      for (const { cancel } of timers.values()) cancel();
    },
  };
}
