/** Calls that everybody may make, about what is theirs: their own machines and the keys that let more of them in. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { NodeView } from '../state/network.ts';
import type { AuthKeyRecord, UserRecord } from '../store/records.ts';
import { name, nothing, spanMs } from './args.ts';
import { authKeyCalls, authKeyJson } from './auth-keys.ts';
import { defineCall } from './call.ts';
import type { Caller } from './caller.ts';
import type { AdminDeps } from './deps.ts';
import { findAuthKey, findNode } from './find.ts';
import { nodeJson } from './node-json.ts';
import { nodeCalls } from './nodes.ts';
import { userJson } from './users.ts';

/** A key that a member makes works for so long at most. */
const LONGEST_KEY_MS = 90 * 86_400_000;
const DAY_MS = 86_400_000;
/** They stay on record, also when they are over. */
const MAX_KEYS_A_DAY = 100;

function self(deps: AdminDeps, by: Caller): UserRecord {
  const user = by.userId === undefined ? undefined : deps.network.user(by.userId);
  if (user === undefined) throw new RhumbError('not-found', 'nobody is signed in');
  return user;
}

/** Somebody else's is as unknown as one that there is not. */
function ownNode(deps: AdminDeps, by: Caller, text: string): NodeView {
  const view = findNode(deps.network, text);
  if (view.record.userId !== by.userId)
    throw new RhumbError('not-found', `no node "${text}": see nodes list`);
  return view;
}

function ownKey(deps: AdminDeps, by: Caller, text: string): AuthKeyRecord {
  const key = findAuthKey(deps.network, text);
  if (key.userId !== by.userId) throw new RhumbError('not-found', 'no such auth key: see preauthkeys list');
  return key;
}

const byId = ({ record }: NodeView) => ({ node: String(record.id) });

export const myCalls = {
  'my.user': defineCall({
    arg: nothing,
    scope: 'self',
    run: async (deps, _arg, by) => userJson(self(deps, by)),
  }),
  'my.nodes': defineCall({
    arg: nothing,
    scope: 'self',
    run: async (deps, _arg, by) =>
      [...deps.network.nodes()]
        .filter(({ record }) => record.userId === by.userId)
        .map((view) => nodeJson(deps, view)),
  }),
  'my.node-rename': defineCall({
    arg: z.strictObject({ node: name, newName: name }),
    scope: 'self',
    run: async (deps, { node, newName }, by) => {
      const own = byId(ownNode(deps, by, node));
      if (deps.network.isReserved(newName))
        throw new RhumbError('conflict', `the name "${newName}" belongs to a DNS record: choose another`);
      return nodeCalls['nodes.rename'].run(deps, { ...own, newName }, by);
    },
  }),
  'my.node-expire': defineCall({
    arg: z.strictObject({ node: name }),
    scope: 'self',
    run: async (deps, { node }, by) => nodeCalls['nodes.expire'].run(deps, byId(ownNode(deps, by, node)), by),
  }),
  'my.node-delete': defineCall({
    arg: z.strictObject({ node: name }),
    scope: 'self',
    run: async (deps, { node }, by) => nodeCalls['nodes.delete'].run(deps, byId(ownNode(deps, by, node)), by),
  }),
  'my.keys': defineCall({
    arg: nothing,
    scope: 'self',
    run: async (deps, _arg, by) =>
      [...deps.network.authKeys()]
        .filter(({ userId }) => userId === by.userId)
        .map((key) => authKeyJson(deps, key)),
  }),
  'my.key-create': defineCall({
    arg: z.strictObject({
      reusable: z.boolean(),
      ephemeral: z.boolean(),
      expirationMs: spanMs.min(1).max(LONGEST_KEY_MS),
      description: z.string().max(256).optional(),
    }),
    scope: 'self',
    // Neither tags nor approval: those are an administrator's to give.
    run: async (deps, arg, by) => {
      const since = deps.clock.now() - DAY_MS;
      const young = [...deps.network.authKeys()].filter(
        ({ userId, createdAt }) => userId === by.userId && createdAt > since,
      );
      if (young.length >= MAX_KEYS_A_DAY)
        throw new RhumbError(
          'unavailable',
          'you made too many keys today: use one of them, or a reusable one',
        );
      return authKeyCalls['preauthkeys.create'].run(deps, arg, by);
    },
  }),
  'my.key-expire': defineCall({
    arg: z.strictObject({ key: name }),
    scope: 'self',
    run: async (deps, { key }, by) =>
      authKeyCalls['preauthkeys.expire'].run(deps, { key: String(ownKey(deps, by, key).id) }, by),
  }),
};
