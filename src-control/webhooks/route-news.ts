/** Tells of routes that wait for somebody's yes, and of prefixes that another router carries now. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { announcedRoutes } from '../state/announced.ts';
import { type Change, What } from '../state/changes.ts';
import { isAdmitted, type Network } from '../state/network.ts';
import type { Tell } from './key-ends.ts';

export interface RouteNewsDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly tell: Tell;
}

/** The policy, or whoever set the machine up, may approve a route a moment after it was announced. */
const SETTLE_MS = 5_000;
const RELEVANT = What.Whole | What.Routes | What.Tags;

/** Starts watching; the returned function ends it. What waits already was told before the server was started anew. */
export function watchRouteNews({ network, clock, log, tell }: RouteNewsDeps): () => void {
  const told = new Map<number, ReadonlySet<string>>();
  const due = new Set<number>();
  let primaries = network.primaries;
  let cancel: (() => void) | undefined;
  const waiting = (id: number): ReadonlySet<string> => {
    const record = network.node(id)?.record;
    if (record === undefined || !isAdmitted(record)) return new Set();
    return new Set(announcedRoutes(record)).difference(new Set(record.approvedRoutes));
  };
  const nameOf = (id: number | undefined): string =>
    id === undefined ? '' : (network.node(id)?.record.givenName ?? String(id));
  const tellOfWaiting = (): void => {
    cancel = undefined;
    for (const id of due) {
      const now = waiting(id);
      const fresh = [...now.difference(told.get(id) ?? new Set())];
      if (now.size > 0) told.set(id, now);
      else told.delete(id);
      if (fresh.length === 0) continue;
      const routes = fresh.join(', ');
      log('info', 'route.needs-approval', { node: id, name: nameOf(id), routes: fresh });
      const data = { nodeID: String(id), nodeName: nameOf(id), routes };
      tell('routeNeedsApproval', `Machine ${nameOf(id)} offers ${routes}, which nobody approved yet`, data);
    }
    due.clear();
  };
  const tellOfPrimaries = (): void => {
    const before = primaries;
    if (before === network.primaries) return;
    primaries = network.primaries;
    for (const prefix of new Set([...before.keys(), ...primaries.keys()])) {
      const [from, to] = [before.get(prefix), primaries.get(prefix)];
      if (from === to) continue;
      const text = to === undefined ? 'is carried by nobody now' : `is carried by machine ${nameOf(to)} now`;
      tell('primaryRouteChanged', `${prefix} ${text}`, {
        ...{ route: prefix, oldNodeName: nameOf(from), nodeName: nameOf(to) },
        ...{ oldNodeID: from === undefined ? '' : String(from), nodeID: to === undefined ? '' : String(to) },
      });
    }
  };
  for (const { record } of network.nodes()) {
    const now = waiting(record.id);
    if (now.size > 0) told.set(record.id, now);
  }
  const unsubscribe = network.subscribe((changes: readonly Change[]) => {
    tellOfPrimaries();
    for (const change of changes)
      if (change.kind === 'removed') told.delete(change.id);
      else if (change.kind === 'node' && (change.what & RELEVANT) !== 0) due.add(change.id);
    if (due.size > 0) cancel ??= clock.after(SETTLE_MS, tellOfWaiting);
  });
  return () => {
    unsubscribe();
    cancel?.();
  };
}
