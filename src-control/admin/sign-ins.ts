/** Calls about how users sign in to the console: where they are signed in, and their passkeys. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import { passkeysOf, removePasskey } from '../state/passkeys.ts';
import { endSession, sessionsOf } from '../state/sessions.ts';
import type { PasskeyRecord, SessionRecord } from '../store/records.ts';
import { name } from './args.ts';
import { defineCall } from './call.ts';
import { findUser } from './find.ts';
import { timeJson } from './time-json.ts';
import { refuseAbove } from './users.ts';

export interface SessionJson {
  readonly id: number;
  readonly user_id: number;
  readonly address: string;
  readonly user_agent: string;
  readonly created_at: string;
  readonly last_used_at: string;
  readonly expires_at: string;
}

const sessionJson = (session: SessionRecord): SessionJson => ({
  id: session.id,
  user_id: session.userId,
  address: session.address,
  user_agent: session.userAgent,
  created_at: formatTime(session.createdAt),
  last_used_at: formatTime(session.lastUsedAt),
  expires_at: formatTime(session.expiresAt),
});

export interface PasskeyJson {
  readonly id: number;
  readonly user_id: number;
  readonly name: string;
  readonly created_at: string;
  readonly last_used_at: string | null;
}

const passkeyJson = (passkey: PasskeyRecord): PasskeyJson => ({
  id: passkey.id,
  user_id: passkey.userId,
  name: passkey.name,
  created_at: formatTime(passkey.createdAt),
  last_used_at: timeJson(passkey.lastUsedAt),
});

const ofUser = z.strictObject({ user: name });
const byId = z.strictObject({ id: z.int().min(1) });

export const signInCalls = {
  'sessions.list': defineCall({
    arg: ofUser,
    scope: 'users:read',
    run: async ({ network, clock }, { user }) =>
      sessionsOf(network, findUser(network, user).id, clock.now()).map(sessionJson),
  }),
  'sessions.revoke': defineCall({
    arg: byId,
    scope: 'users',
    run: async (deps, { id }, by) => {
      const session = deps.network.sessions.get(id);
      const owner = session === undefined ? undefined : deps.network.user(session.userId);
      if (session === undefined || owner === undefined)
        throw new RhumbError('not-found', `no session ${id}: see users sessions NAME`);
      refuseAbove(deps, by, owner.role);
      await endSession(deps.network, session, deps.clock.now(), by);
      return sessionJson(session);
    },
  }),
  'passkeys.list': defineCall({
    arg: ofUser,
    scope: 'users:read',
    run: async ({ network }, { user }) => passkeysOf(network, findUser(network, user).id).map(passkeyJson),
  }),
  'passkeys.remove': defineCall({
    arg: byId,
    scope: 'users',
    run: async (deps, { id }, by) => {
      const passkey = deps.network.passkeys.get(id);
      const owner = passkey === undefined ? undefined : deps.network.user(passkey.userId);
      if (passkey === undefined || owner === undefined)
        throw new RhumbError('not-found', `no passkey ${id}: see users passkeys NAME`);
      refuseAbove(deps, by, owner.role);
      await removePasskey(deps.network, owner, passkey, deps.clock.now(), by);
      return passkeyJson(passkey);
    },
  }),
};
