/** `/api/x/…` as addresses of their own: what programs read most of what only this server has (coordination-server.md §13.6). */
import { z } from 'zod';
import { type Endpoint, endpoint } from './endpoint.ts';

const tag = 'Own';
const place = z.string().min(1).max(512);
const question = { src: place, dst: place, proto: z.string().max(16).optional() };
const anything = z.unknown();

export const xEndpoints: readonly Endpoint[] = [
  endpoint({
    ...{ method: 'GET', path: '/api/x/policy/explain', need: 'policy_file:read', tag, result: anything },
    ...{ summary: 'Which rule lets src reach dst, or why none does', query: z.object(question) },
    run: ({ call }, { query }) => call('policy.explain', query),
  }),
  endpoint({
    ...{ method: 'POST', path: '/api/x/policy/explain', need: 'policy_file:read', tag, result: anything },
    summary: 'The same, for the policy in text',
    body: z.strictObject({ ...question, text: z.string().optional() }),
    run: ({ call }, { body }) => call('policy.explain', body),
  }),
  endpoint({
    ...{ method: 'GET', path: '/api/x/policy/versions', need: 'policy_file:read', tag, result: anything },
    summary: 'All versions of the policy, newest first',
    query: z.object({ limit: z.coerce.number().int().min(1).max(1_000).optional() }),
    run: async ({ call }, { query }) => ({ versions: await call('policy.history', query) }),
  }),
  endpoint({
    ...{ method: 'GET', path: '/api/x/policy/versions/:id', need: 'policy_file:read', tag, result: anything },
    ...{ summary: 'One of them, with its text', params: z.object({ id: z.coerce.number().int().min(1) }) },
    run: ({ call }, { params }) => call('policy.version', { version: params.id }),
  }),
  endpoint({
    ...{ method: 'GET', path: '/api/x/routes', need: 'devices:routes:read', tag, result: anything },
    ...{ summary: 'Every prefix with its routers, who carries it and who answers' },
    query: z.object({ node: z.string().min(1).max(256).optional() }),
    run: async ({ call }, { query }) => ({ routes: await call('routes.list', query) }),
  }),
  endpoint({
    ...{ method: 'GET', path: '/api/x/derp/map', need: 'networking_settings:read', tag, result: anything },
    summary: 'The relays that machines get',
    run: ({ call }) => call('derp.map', {}),
  }),
];
