/** Calls about subnet routes and exit nodes: who announces, who may, and who carries each prefix now. */
import { z } from 'zod';
import { approveRoutes, setRoutePriority } from '../routes/approve.ts';
import { activeRoutes, announcedRoutes, isExitRoute, sortRoutes, viaSite } from '../state/announced.ts';
import { isAdmitted, isExpired, type NodeView } from '../state/network.ts';
import { name } from './args.ts';
import { defineCall } from './call.ts';
import type { AdminDeps } from './deps.ts';
import { findNode } from './find.ts';
import { again } from './nodes.ts';

/** One prefix of one machine. */
export interface RouteJson {
  readonly prefix: string;
  readonly node: number;
  readonly name: string;
  readonly announced: boolean;
  readonly approved: boolean;
  /** Announced and approved, of a machine that is in the network. */
  readonly active: boolean;
  readonly exit: boolean;
  /** Carries the prefix for the network; never so for exit routes, which all exit nodes offer. */
  readonly primary: boolean;
  readonly online: boolean;
  /** Whether it answered the last probe; null where nobody asks, as there is no other router. */
  readonly healthy: boolean | null;
  readonly priority: number | null;
}

const route = z.string().min(1).max(64);
const routes = z.array(route).max(1_024);

export const routeCalls = {
  'routes.list': defineCall({
    arg: z.strictObject({ node: name.optional() }),
    scope: 'devices:routes:read',
    run: async (deps, { node }) => {
      const views = node === undefined ? [...deps.network.nodes()] : [findNode(deps.network, node)];
      const rivals = rivalsIn(deps);
      const rows = views.flatMap((view) => rowsOf(deps, view, rivals));
      const order = new Map(sortRoutes(rows.map(({ prefix }) => prefix)).map((prefix, at) => [prefix, at]));
      return rows.sort((a, b) => (order.get(a.prefix) ?? 0) - (order.get(b.prefix) ?? 0) || a.node - b.node);
    },
  }),
  'routes.approve': defineCall({
    arg: z.strictObject({
      node: name,
      /** The whole list; or what to add to it and take from it. */
      routes: routes.optional(),
      add: routes.optional(),
      remove: routes.optional(),
    }),
    scope: 'devices:routes',
    run: async ({ network, ...deps }, { node, routes, add, remove }, by) => {
      const { record } = findNode(network, node);
      const change = routes === undefined ? { add: add ?? [], remove: remove ?? [] } : { set: routes };
      await approveRoutes(network, record, change, by);
      return again({ network, ...deps }, record.id);
    },
  }),
  'routes.priority': defineCall({
    arg: z.strictObject({ node: name, priority: z.int().min(0).max(65_535).nullable() }),
    scope: 'devices:routes',
    run: async (deps, { node, priority }, by) => {
      const { record } = findNode(deps.network, node);
      await setRoutePriority(deps.network, record, priority ?? undefined, by);
      return again(deps, record.id);
    },
  }),
  'routes.via-site': defineCall({
    arg: z.strictObject({ site: z.int().min(0).max(65_535), prefix: route }),
    scope: 'none',
    run: async (_deps, { site, prefix }) => ({ prefix: viaSite(site, prefix) }),
  }),
};

/** Prefixes that several machines could carry now: there probes say something. */
function rivalsIn({ network, clock }: AdminDeps): ReadonlySet<string> {
  const seen = new Set<string>();
  const rivals = new Set<string>();
  for (const { record, isOnline } of network.nodes()) {
    if (!isOnline || !isAdmitted(record) || isExpired(record, clock.now())) continue;
    for (const prefix of activeRoutes(record)) {
      if (isExitRoute(prefix)) continue;
      if (seen.has(prefix)) rivals.add(prefix);
      seen.add(prefix);
    }
  }
  return rivals;
}

function rowsOf(deps: AdminDeps, view: NodeView, rivals: ReadonlySet<string>): readonly RouteJson[] {
  const { record } = view;
  const announced = new Set(announcedRoutes(record));
  const approved = new Set(record.approvedRoutes);
  const isOnline = view.isOnline && !isExpired(record, deps.clock.now());
  return [...new Set([...announced, ...approved])].map((prefix) => ({
    prefix,
    node: record.id,
    name: record.givenName,
    announced: announced.has(prefix),
    approved: approved.has(prefix),
    active: announced.has(prefix) && approved.has(prefix) && isAdmitted(record),
    exit: isExitRoute(prefix),
    primary: deps.network.primaries.get(prefix) === record.id,
    online: isOnline,
    healthy: isOnline && rivals.has(prefix) ? view.isHealthy : null,
    priority: record.routePriority ?? null,
  }));
}
