/** `/api/v1/node` and `/api/v1/auth` (coordination-server.md §12). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import { tags } from '../../admin/args.ts';
import { type Asked, empty, endpoint } from '../endpoint.ts';
import { asBadRequest, maybeTime, nodeOf } from './common.ts';
import { node, v1Node } from './shapes.ts';

const tag = 'v1 nodes';
const one = z.object({ node });
const withId = z.object({ id: z.string() });
const show = (asked: Asked, id: string) => ({ node: v1Node(asked.deps, nodeOf(asked, id), false) });
const named = (asked: Asked, id: string) => ({ node: String(nodeOf(asked, id).record.id) });

async function register(asked: Asked, request: string, user: string) {
  const made = await asked.call('nodes.approve', { request, ...(user === '' ? {} : { user }) });
  return show(asked, String(made.id));
}

const words = z.string().max(2_048);
const authBody = z.object({ authId: words.min(1), user: z.string().max(128).optional() });

export const v1NodeEndpoints = [
  endpoint({
    ...{ method: 'GET', path: '/api/v1/node', need: 'devices:core:read', tag, summary: 'List machines' },
    query: z.object({ user: z.string().optional() }),
    result: z.object({ nodes: z.array(node) }),
    run: async ({ deps }, { query }) => {
      const owner = query.user ? deps.network.userByName(query.user) : undefined;
      if (query.user && owner === undefined) throw new RhumbError('not-found', 'user not found');
      const views = [...deps.network.nodes()].filter(
        ({ record }) => owner === undefined || record.userId === owner.id,
      );
      return { nodes: views.map((view) => v1Node(deps, view, true)) };
    },
  }),
  // Before the machine by its id: `register` and `backfillips` are none.
  endpoint({
    ...{ method: 'POST', path: '/api/v1/node/register', need: 'devices:core', tag, result: one },
    summary: 'Let a waiting machine in',
    query: z.object({ user: z.string().max(128).optional(), key: words }),
    run: async (asked, { query }) => register(asked, query.key, query.user ?? ''),
  }),
  endpoint({
    ...{ method: 'POST', path: '/api/v1/node/backfillips', need: 'devices:core', tag },
    summary: 'Give machines the addresses that they lack',
    query: z.object({ confirmed: z.string().optional() }),
    result: z.object({ changes: z.array(z.string()) }),
    run: async (asked, { query }) => {
      if (query.confirmed !== 'true')
        throw new RhumbError('bad-argument', 'backfilling node IPs: not confirmed, aborting');
      const { changes } = await asked.call('nodes.backfillips', { confirmed: true });
      return {
        changes: changes.map(
          ({ id, name, from, to }) => `node ${id} (${name}): ${from.join(', ')} -> ${to.join(', ')}`,
        ),
      };
    },
  }),
  endpoint({
    ...{
      method: 'GET',
      path: '/api/v1/node/:id',
      need: 'devices:core:read',
      tag,
      params: withId,
      result: one,
    },
    summary: 'Show a machine',
    run: async (asked, { params }) => show(asked, params.id),
  }),
  endpoint({
    ...{
      method: 'DELETE',
      path: '/api/v1/node/:id',
      need: 'devices:core',
      tag,
      params: withId,
      result: empty,
    },
    summary: 'Remove a machine',
    run: async (asked, { params }) => {
      await asked.call('nodes.delete', named(asked, params.id));
      return {};
    },
  }),
  endpoint({
    ...{ method: 'POST', path: '/api/v1/node/:id/expire', need: 'devices:core', tag, params: withId },
    summary: 'End the key of a machine now or later, or never',
    body: z.object({ expiry: maybeTime, disableExpiry: z.boolean().optional() }).optional(),
    result: one,
    run: async (asked, { params, body }) => {
      const node = named(asked, params.id);
      const at = body?.expiry;
      if (body?.disableExpiry === true && at !== undefined)
        throw new RhumbError('bad-argument', 'cannot set both disableExpiry and expiry');
      if (body?.disableExpiry === true) await asked.call('nodes.key-expiry', { ...node, disabled: true });
      else {
        const isAhead = at !== undefined && at > asked.deps.clock.now();
        await asked.call('nodes.expire', { ...node, ...(isAhead ? { at: formatTime(at) } : {}) });
      }
      return show(asked, params.id);
    },
  }),
  endpoint({
    ...{ method: 'POST', path: '/api/v1/node/:id/rename/:newName', need: 'devices:core', tag, result: one },
    summary: 'Rename a machine',
    params: withId.extend({ newName: z.string().min(1).max(128) }),
    run: async (asked, { params }) => {
      await asked.call('nodes.rename', { ...named(asked, params.id), newName: params.newName });
      return show(asked, params.id);
    },
  }),
  endpoint({
    ...{
      method: 'POST',
      path: '/api/v1/node/:id/tags',
      need: 'devices:core',
      tag,
      params: withId,
      result: one,
    },
    summary: 'Give a machine to tags',
    body: z.object({ tags: tags.nullish() }),
    run: async (asked, { params, body }) => {
      const wanted = body.tags ?? [];
      if (wanted.length === 0)
        throw new RhumbError(
          'bad-argument',
          'cannot remove all tags from a node - tagged nodes must have at least one tag',
        );
      const node = named(asked, params.id);
      // Here it is the tag that is not found, which is a fault of the request.
      await asked.call('nodes.tag', { ...node, tags: wanted }).catch(asBadRequest);
      return show(asked, params.id);
    },
  }),
  endpoint({
    ...{ method: 'POST', path: '/api/v1/node/:id/approve_routes', need: 'devices:routes', tag },
    summary: 'Set the routes that a machine may carry',
    params: withId,
    body: z.object({ routes: z.array(z.string().max(64)).max(1_024).nullish() }),
    result: one,
    run: async (asked, { params, body }) => {
      await asked.call('routes.approve', { ...named(asked, params.id), routes: body.routes ?? [] });
      return show(asked, params.id);
    },
  }),
  endpoint({
    ...{
      method: 'POST',
      path: '/api/v1/auth/register',
      need: 'devices:core',
      tag,
      body: authBody,
      result: one,
    },
    summary: 'Let a waiting machine in, for a user',
    run: async (asked, { body }) => register(asked, body.authId, body.user ?? ''),
  }),
  endpoint({
    ...{
      method: 'POST',
      path: '/api/v1/auth/approve',
      need: 'devices:core',
      tag,
      body: authBody,
      result: empty,
    },
    summary: 'Say yes to a waiting request',
    run: async (asked, { body }) => {
      await asked.call('nodes.approve', { request: body.authId });
      return {};
    },
  }),
  endpoint({
    ...{
      method: 'POST',
      path: '/api/v1/auth/reject',
      need: 'devices:core',
      tag,
      body: authBody,
      result: empty,
    },
    summary: 'Say no to a waiting request',
    run: async (asked, { body }) => {
      await asked.call('nodes.reject', { request: body.authId });
      return {};
    },
  }),
];
