/** Calls that list machines, let them in and take them out; what else can be said of one is in node-changes.ts. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { PendingMachine } from '../auth/pending.ts';
import { approve, reject } from '../auth/register.ts';
import { actorOf } from '../state/node-entry.ts';
import { expireNode, removeNode, renameNode, setAdmittance, setExpiry, unlockName } from '../state/nodes.ts';
import { name, nothing } from './args.ts';
import { defineCall } from './call.ts';
import type { Caller } from './caller.ts';
import { type AdminDeps, live } from './deps.ts';
import { findNode, findUser, onlyUser } from './find.ts';
import { type NodeJson, nodeJson, pendingJson } from './node-json.ts';
import { refuseMachineFor } from './users.ts';

const MAX_IDS = 500;

/** As it is by now. */
export const again = (deps: AdminDeps, id: number): NodeJson =>
  nodeJson(deps, findNode(deps.network, String(id)));

/** By the id or the URL that the machine shows. */
function findPending(deps: AdminDeps, request: string): PendingMachine | undefined {
  const id = request.slice(request.lastIndexOf('/') + 1);
  return deps.live?.register.pending.get(id);
}

function nobodyWaits(deps: AdminDeps, request: string): RhumbError {
  live(deps, 'no machine waits');
  return new RhumbError(
    'not-found',
    `no machine waits under ${request.slice(request.lastIndexOf('/') + 1)}: it was approved, or is older than 15 minutes (see nodes pending)`,
  );
}

/** One that signed in already, named by its id or name, gets the yes that it still needs. */
async function approveKnown(deps: AdminDeps, text: string, by: Caller): Promise<NodeJson | undefined> {
  const { network } = deps;
  const view = /^\d{1,15}$/.test(text) ? network.node(Number(text)) : network.nodeByName(text.toLowerCase());
  if (view === undefined) return undefined;
  await setAdmittance(network, view.record, 'approved', by);
  return again(deps, view.record.id);
}

export const nodeCalls = {
  'nodes.list': defineCall({
    arg: z.strictObject({ user: name.optional(), ids: z.array(z.int().min(1)).max(MAX_IDS).optional() }),
    scope: 'devices:core:read',
    run: async (deps, { user, ids }) => {
      const { network } = deps;
      const owner = user === undefined ? undefined : findUser(network, user);
      const views =
        ids === undefined
          ? [...network.nodes()]
          : ids.map((id) => network.node(id)).filter((view) => view !== undefined);
      return views
        .filter(({ record }) => owner === undefined || record.userId === owner.id)
        .map((view) => nodeJson(deps, view));
    },
  }),
  'nodes.show': defineCall({
    arg: z.strictObject({ node: name }),
    scope: 'devices:core:read',
    run: async (deps, { node }) => nodeJson(deps, findNode(deps.network, node)),
  }),
  'nodes.pending': defineCall({
    arg: nothing,
    scope: 'devices:core:read',
    run: async ({ live }) =>
      (live?.register.pending.list() ?? []).map((machine) =>
        pendingJson(machine, live?.register.serverUrl ?? ''),
      ),
  }),
  'nodes.approve': defineCall({
    arg: z.strictObject({ request: z.string().min(1).max(2_048), user: name.optional() }),
    scope: 'devices:core',
    run: async (deps, { request, user }, by) => {
      const machine = findPending(deps, request);
      if (machine === undefined) {
        const known = await approveKnown(deps, request, by);
        if (known === undefined) throw nobodyWaits(deps, request);
        return known;
      }
      const { register } = live(deps, 'no machine waits');
      const owner = user === undefined ? onlyUser(deps.network) : findUser(deps.network, user);
      refuseMachineFor(by, owner);
      const method = by.origin === 'api' ? 'api' : 'cli';
      const node = await approve(register, machine, owner.id, method, undefined, actorOf(by));
      return again(deps, node.id);
    },
  }),
  'nodes.reject': defineCall({
    arg: z.strictObject({
      request: z.string().min(1).max(2_048),
      /** Shown to the machine's user. */
      reason: z.string().max(256).optional(),
    }),
    scope: 'devices:core',
    run: async (deps, { request, reason }, by) => {
      const machine = findPending(deps, request);
      if (machine === undefined) throw nobodyWaits(deps, request);
      const { register } = live(deps, 'no machine waits');
      await reject(register, machine, reason ?? '', by);
      return pendingJson(machine, register.serverUrl);
    },
  }),
  'nodes.expire': defineCall({
    arg: z.strictObject({
      node: name,
      /** RFC 3339, ahead of now; without it the key ends at once. */
      at: z.iso.datetime({ offset: true }).optional(),
    }),
    scope: 'devices:core',
    run: async (deps, { node, at }, by) => {
      const { record } = findNode(deps.network, node);
      const now = deps.clock.now();
      if (at === undefined) await expireNode(deps.network, record, now, by);
      else {
        const expiry = Date.parse(at);
        if (expiry <= now)
          throw new RhumbError('bad-argument', `${at} is over: leave the time out to end the key now`);
        await setExpiry(deps.network, { ...record, keyExpiryDisabled: false }, expiry, by);
      }
      return again(deps, record.id);
    },
  }),
  'nodes.delete': defineCall({
    arg: z.strictObject({ node: name }),
    scope: 'devices:core',
    run: async (deps, { node }, by) => {
      const view = findNode(deps.network, node);
      const shown = nodeJson(deps, { ...view, isOnline: false });
      await removeNode(deps.network, view.record, by);
      return shown;
    },
  }),
  'nodes.rename': defineCall({
    arg: z.strictObject({
      node: name,
      /** Empty = it follows its host name again. */
      newName: z.string().max(128),
    }),
    scope: 'devices:core',
    run: async (deps, { node, newName }, by) => {
      const { record } = findNode(deps.network, node);
      if (newName === '') await unlockName(deps.network, record, by);
      else await renameNode(deps.network, record, newName, by);
      return again(deps, record.id);
    },
  }),
};
