/** `/tailnet/{t}/users` and `/users/{id}/…` (coordination-server.md §13.2). */
import { z } from 'zod';
import { formatTime } from '#shared/wire/scalars.ts';
import type { AdminDeps } from '../../admin/deps.ts';
import { loginName } from '../../state/users.ts';
import type { UserRecord } from '../../store/records.ts';
import { empty, endpoint } from '../endpoint.ts';
import { checkTailnet, inTailnet, timeOr, userOf, withId } from './common.ts';

/** Nobody of theirs was there for so long. */
const IDLE_MS = 90 * 86_400_000;

const user = z
  .object({
    id: z.string(),
    displayName: z.string(),
    loginName: z.string(),
    profilePicUrl: z.string(),
    tailnetId: z.string(),
    created: z.string(),
    type: z.enum(['member', 'shared']),
    role: z.string(),
    status: z.enum(['active', 'idle', 'suspended', 'needs-approval']),
    deviceCount: z.int(),
    lastSeen: z.string(),
    currentlyConnected: z.boolean(),
  })
  .meta({ id: 'User' });
type UserJson = z.output<typeof user>;

interface Machines {
  count: number;
  lastSeen: number;
  isOnline: boolean;
}

/** Of each user, in one look at all of them. */
function machinesByUser({ network }: AdminDeps, nowMs: number): ReadonlyMap<number, Machines> {
  const found = new Map<number, Machines>();
  for (const { record, isOnline } of network.nodes()) {
    if (record.userId === undefined) continue;
    const own = found.get(record.userId) ?? { count: 0, lastSeen: 0, isOnline: false };
    own.count += 1;
    own.isOnline ||= isOnline;
    own.lastSeen = Math.max(own.lastSeen, isOnline ? nowMs : (record.lastSeen ?? 0));
    found.set(record.userId, own);
  }
  return found;
}

function statusOf(record: UserRecord, lastSeen: number, nowMs: number): UserJson['status'] {
  if (record.suspendedAt !== undefined) return 'suspended';
  if (record.approvedAt === undefined) return 'needs-approval';
  return nowMs - Math.max(lastSeen, record.createdAt) > IDLE_MS ? 'idle' : 'active';
}

function userJson(record: UserRecord, machines: Machines | undefined, nowMs: number): UserJson {
  const lastSeen = Math.max(machines?.lastSeen ?? 0, record.identity?.lastLoginAt ?? 0);
  return {
    id: String(record.id),
    displayName: record.displayName,
    loginName: loginName(record),
    profilePicUrl: record.identity?.pictureUrl ?? '',
    tailnetId: '1',
    created: formatTime(record.createdAt),
    type: 'member',
    role: record.role,
    status: statusOf(record, lastSeen, nowMs),
    deviceCount: machines?.count ?? 0,
    lastSeen: timeOr(lastSeen || undefined, formatTime(record.createdAt)),
    currentlyConnected: machines?.isOnline ?? false,
  };
}

const SUMMARIES = {
  approve: 'Let a user in who waits',
  suspend: 'Shut a user and their machines out',
  restore: 'Let a suspended user in again',
  delete: 'Delete a user who has no machines',
} as const;

export const userEndpoints = [
  endpoint({
    ...{ method: 'GET', path: '/api/v2/tailnet/:t/users', need: 'users:read', tag: 'Users' },
    summary: 'List users',
    params: inTailnet,
    query: z.object({ type: z.string().optional(), role: z.string().optional() }),
    result: z.object({ users: z.array(user) }),
    run: async (asked, { params, query }) => {
      checkTailnet(asked, params.t);
      const now = asked.deps.clock.now();
      const machines = machinesByUser(asked.deps, now);
      const all = [...asked.deps.network.users()].map((one) => userJson(one, machines.get(one.id), now));
      const isWanted = (wanted: string | undefined, has: string): boolean =>
        wanted === undefined || wanted === '' || wanted === 'all' || wanted === has;
      return { users: all.filter((one) => isWanted(query.type, one.type) && isWanted(query.role, one.role)) };
    },
  }),
  endpoint({
    ...{ method: 'GET', path: '/api/v2/users/:id', need: 'users:read', tag: 'Users' },
    summary: 'Show a user',
    params: withId,
    result: user,
    run: async (asked, { params }) => {
      const record = userOf(asked, params.id);
      const now = asked.deps.clock.now();
      return userJson(record, machinesByUser(asked.deps, now).get(record.id), now);
    },
  }),
  ...(['approve', 'suspend', 'restore', 'delete'] as const).map((verb) =>
    endpoint({
      ...{ method: 'POST', path: `/api/v2/users/:id/${verb}`, need: 'users', tag: 'Users' },
      summary: SUMMARIES[verb],
      params: withId,
      result: empty,
      run: async (asked, { params }) => {
        await asked.call(`users.${verb}`, { user: userOf(asked, params.id).name });
        return {};
      },
    }),
  ),
  endpoint({
    ...{ method: 'POST', path: '/api/v2/users/:id/role', need: 'users', tag: 'Users' },
    summary: 'Give a user another role',
    params: withId,
    body: z.object({ role: z.string().max(32) }),
    result: empty,
    run: async (asked, { params, body }) => {
      await asked.call('users.role', { user: userOf(asked, params.id).name, role: body.role });
      return {};
    },
  }),
];
