/** `admin-code create`: one-time codes for the sign-in page. */
import type { Command } from 'commander';
import { RhumbError } from '#shared/errors.ts';
import { parseDuration } from '../server/duration.ts';
import { against, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';

export function adminCodeCommand(io: Io): Command {
  const create = leaf('create', 'make a code that approves one machine on the sign-in page')
    .option('-u, --user <name>', 'whose machine it will be; needed when there are several users')
    .option('-e, --expiration <span>', 'how long the code works', '10m')
    .option('--console', 'make a code that signs the user in to the console instead')
    .action(async ({ user, expiration, console }: { user?: string; expiration: string; console?: true }) =>
      against(io, create, async (admin, { format }) => {
        const expirationMs = parseDuration(expiration);
        if (expirationMs === 0)
          throw new RhumbError('bad-argument', 'a code must end: write 10m, 1h or the like');
        const made = await admin.call('admin-code.create', {
          expirationMs,
          ...(user === undefined ? {} : { user }),
          ...(console === true ? { purpose: 'console' } : {}),
        });
        show(io, format, made, () => made.code);
      }),
    );
  return group('admin-code', 'one-time codes for the sign-in page').addCommand(create);
}
