/** `/api/v1/user` (coordination-server.md §12). */
import { z } from 'zod';
import { empty, endpoint } from '../endpoint.ts';
import { asBadRequest, userById } from './common.ts';
import { user, userJson } from './shapes.ts';

const tag = 'v1 users';
const one = z.object({ user });

export const v1UserEndpoints = [
  endpoint({
    ...{ method: 'POST', path: '/api/v1/user', need: 'users', tag, summary: 'Create a user', result: one },
    body: z.object({
      name: z.string().min(1).max(128),
      displayName: z.string().max(256).optional(),
      email: z.string().max(254).optional(),
      pictureUrl: z.string().max(2_048).optional(),
    }),
    run: async (asked, { body }) => {
      const { name, displayName } = body;
      await asked.call('users.create', { name, ...(displayName ? { displayName } : {}) });
      const made = asked.deps.network.userByName(name);
      return { user: made === undefined ? null : userJson(made) };
    },
  }),
  endpoint({
    ...{ method: 'GET', path: '/api/v1/user', need: 'users:read', tag, summary: 'List users' },
    query: z.object({ id: z.string().optional(), name: z.string().optional(), email: z.string().optional() }),
    result: z.object({ users: z.array(user) }),
    run: async (asked, { query }) => {
      const all = [...asked.deps.network.users()].map(userJson);
      const isWanted = (row: z.output<typeof user>): boolean => {
        if (query.name) return row.name === query.name;
        if (query.email) return row.email === query.email;
        return !query.id || query.id === '0' || row.id === query.id;
      };
      return { users: all.filter(isWanted) };
    },
  }),
  endpoint({
    ...{ method: 'POST', path: '/api/v1/user/:id/rename/:newName', need: 'users', tag, result: one },
    summary: 'Rename a user',
    params: z.object({ id: z.string(), newName: z.string().max(128) }),
    run: async (asked, { params }) => {
      const { id, name } = userById(asked, params.id);
      await asked.call('users.rename', { user: name, newName: params.newName });
      return { user: userJson(userById(asked, String(id))) };
    },
  }),
  endpoint({
    ...{ method: 'DELETE', path: '/api/v1/user/:id', need: 'users', tag, result: empty },
    summary: 'Delete a user who has no machines',
    params: z.object({ id: z.string() }),
    run: async (asked, { params }) => {
      await asked.call('users.delete', { user: userById(asked, params.id).name }).catch(asBadRequest);
      return {};
    },
  }),
];
