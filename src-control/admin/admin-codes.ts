/** Calls about one-time codes for the sign-in page. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import { mintAdminCode } from '../auth/secrets.ts';
import { addAdminCode } from '../state/admin-codes.ts';
import { CODE_PURPOSES } from '../store/records.ts';
import { name, spanMs } from './args.ts';
import { defineCall } from './call.ts';
import { findUser, onlyUser } from './find.ts';
import { refuseAbove, refuseMachineFor, userJson } from './users.ts';

export const adminCodeCalls = {
  'admin-code.create': defineCall({
    arg: z.strictObject({
      user: name.optional(),
      expirationMs: spanMs.min(1),
      /** What it opens: one machine on its page unless said. */
      purpose: z.enum(CODE_PURPOSES).optional(),
    }),
    scope: 'devices:core',
    run: async (deps, { user, expirationMs, purpose = 'machine' }, by) => {
      const { network, clock } = deps;
      const owner = user === undefined ? onlyUser(network) : findUser(network, user);
      // It signs somebody in as that user, with all the user may do.
      if (purpose === 'console') {
        if (!by.scopes.includes('all'))
          throw new RhumbError('not-allowed', 'only owners and administrators make codes for the console');
        refuseAbove(deps, by, owner.role);
      }
      refuseMachineFor(by, owner);
      const { text, hash } = mintAdminCode();
      const createdAt = clock.now();
      const expiresAt = createdAt + expirationMs;
      await addAdminCode(network, { hash, purpose, userId: owner.id, createdAt, expiresAt }, by);
      return { code: text, user: userJson(owner), expiration: formatTime(expiresAt) };
    },
  }),
};
