/** Calls about one-time codes for the sign-in page. */
import { z } from 'zod';
import { formatTime } from '#shared/wire/scalars.ts';
import { mintAdminCode } from '../auth/secrets.ts';
import { addAdminCode } from '../state/admin-codes.ts';
import { name, spanMs } from './args.ts';
import { defineCall } from './call.ts';
import { findUser, onlyUser } from './find.ts';
import { userJson } from './users.ts';

export const adminCodeCalls = {
  'admin-code.create': defineCall({
    arg: z.strictObject({ user: name.optional(), expirationMs: spanMs.min(1) }),
    scope: 'devices:core',
    run: async ({ network, clock }, { user, expirationMs }, by) => {
      const owner = user === undefined ? onlyUser(network) : findUser(network, user);
      const { text, hash } = mintAdminCode();
      const createdAt = clock.now();
      const expiresAt = createdAt + expirationMs;
      await addAdminCode(network, { hash, purpose: 'machine', userId: owner.id, createdAt, expiresAt }, by);
      return { code: text, user: userJson(owner), expiration: formatTime(expiresAt) };
    },
  }),
};
