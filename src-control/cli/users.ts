/** `users …`: people who own machines. */
import type { Command } from 'commander';
import type { UserJson } from '../admin/users.ts';
import { against, beginning, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { table, when } from './print.ts';

export function usersCommand(io: Io): Command {
  const create = leaf('create', 'add a user, who can then own machines')
    .argument('<name>')
    .option('--display-name <text>', 'how the user is shown')
    .action(async (name: string, options: { displayName?: string }) =>
      beginning(io, create, async (admin, { format }) => {
        const { displayName } = options;
        const user = await admin.call('users.create', {
          name,
          ...(displayName === undefined ? {} : { displayName }),
        });
        show(io, format, user, () => `user ${user.name} created (id ${user.id})`);
      }),
    );
  const list = leaf('list', 'show all users')
    .alias('ls')
    .action(async () =>
      against(io, list, async (admin, { format }) => {
        const users = await admin.call('users.list', {});
        show(io, format, users, () => usersTable(users));
      }),
    );
  return group('users', 'people who own machines').alias('user').addCommand(create).addCommand(list);
}

export const usersTable = (users: readonly UserJson[]): string =>
  table(
    ['ID', 'Name', 'Display name', 'Email', 'Provider', 'Created'],
    users.map((user) => [
      String(user.id),
      user.name,
      user.display_name,
      user.email ?? '-',
      user.provider === '' ? 'local' : `${user.provider}${user.suspended ? ' (suspended)' : ''}`,
      when(user.created_at, ''),
    ]),
  );
