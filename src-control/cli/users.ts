/** `users …`: people who own machines, what they may do, and how they sign in. */
import type { Command } from 'commander';
import type { Admin } from '../admin/calls.ts';
import type { PasskeyJson, SessionJson } from '../admin/sign-ins.ts';
import type { UserJson } from '../admin/users.ts';
import { ROLES } from '../store/records.ts';
import { against, beginning, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { table, when } from './print.ts';

export function usersCommand(io: Io): Command {
  const list = leaf('list', 'show all users')
    .alias('ls')
    .action(async () =>
      against(io, list, async (admin, { format }) => {
        const users = await admin.call('users.list', {});
        show(io, format, users, () => usersTable(users));
      }),
    );
  const acts: readonly (readonly [string, string, (user: UserJson) => string, Act])[] = [
    [
      'approve',
      'let somebody in who waits for it',
      ({ name }) => `user ${name} is approved`,
      (admin, user) => admin.call('users.approve', { user }),
    ],
    [
      'suspend',
      'end the sign-ins and machines of a user, until users restore',
      ({ name }) => `user ${name} is suspended; their machines are signed out`,
      (admin, user) => admin.call('users.suspend', { user }),
    ],
    [
      'restore',
      'let a suspended user sign in again',
      ({ name }) => `user ${name} may sign in again`,
      (admin, user) => admin.call('users.restore', { user }),
    ],
  ];
  const commands = [
    create(io),
    list,
    rename(io),
    role(io),
    ...acts.map(([name, what, said, act]) => plain(io, name, what, said, act)),
    remove(io),
    sessions(io),
    passkeys(io),
  ];
  const users = group('users', 'people who own machines').alias('user');
  for (const command of commands) users.addCommand(command);
  return users;
}

type Act = (admin: Admin, user: string) => Promise<UserJson>;

function plain(io: Io, name: string, what: string, said: (user: UserJson) => string, act: Act): Command {
  const command = leaf(name, what)
    .argument('<user>', 'name or id')
    .action(async (user: string) =>
      against(io, command, async (admin, { format }) => {
        const answer = await act(admin, user);
        show(io, format, answer, () => said(answer));
      }),
    );
  return command;
}

function create(io: Io): Command {
  const command = leaf('create', 'add a user, who can then own machines')
    .argument('<name>')
    .option('--display-name <text>', 'how the user is shown')
    .option('--role <role>', ROLES.join(', '))
    .action(async (name: string, options: { displayName?: string; role?: string }) =>
      beginning(io, command, async (admin, { format }) => {
        const user = await admin.call('users.create', {
          name,
          ...(options.displayName === undefined ? {} : { displayName: options.displayName }),
          ...(options.role === undefined ? {} : { role: options.role }),
        });
        show(io, format, user, () => `user ${user.name} created (id ${user.id})`);
      }),
    );
  return command;
}

function rename(io: Io): Command {
  const command = leaf(
    'rename',
    'give a user another name; rules of the policy that name the old one no longer fit',
  )
    .argument('<user>', 'name or id')
    .argument('<new-name>')
    .option('--display-name <text>', 'how the user is shown')
    .action(async (user: string, newName: string, { displayName }: { displayName?: string }) =>
      against(io, command, async (admin, { format }) => {
        const answer = await admin.call('users.rename', {
          user,
          newName,
          ...(displayName === undefined ? {} : { displayName }),
        });
        show(io, format, answer, () => `user ${answer.id} is now ${answer.name}`);
      }),
    );
  return command;
}

function role(io: Io): Command {
  const command = leaf('role', `say what a user may do with the server: ${ROLES.join(', ')}`)
    .argument('<user>', 'name or id')
    .argument('<role>')
    .action(async (user: string, wanted: string) =>
      against(io, command, async (admin, { format }) => {
        const answer = await admin.call('users.role', { user, role: wanted });
        show(io, format, answer, () => `user ${answer.name} is ${answer.role} now`);
      }),
    );
  return command;
}

function remove(io: Io): Command {
  const command = leaf('delete', 'remove a user; refused while they have machines')
    .alias('destroy')
    .argument('<user>', 'name or id')
    .option('--force', 'delete their machines as well')
    .option('--move-to <user>', 'give their machines to somebody else')
    .action(async (user: string, { force, moveTo }: { force?: true; moveTo?: string }) =>
      against(io, command, async (admin, { format }) => {
        const answer = await admin.call('users.delete', {
          user,
          ...(force === undefined ? {} : { force }),
          ...(moveTo === undefined ? {} : { moveTo }),
        });
        show(io, format, answer, () => `user ${answer.name} deleted`);
      }),
    );
  return command;
}

function sessions(io: Io): Command {
  const command = leaf('sessions', 'show where a user is signed in to the console')
    .argument('<user>', 'name or id')
    .option('--revoke <id>', 'end this one')
    .action(async (user: string, { revoke }: { revoke?: string }) =>
      against(io, command, async (admin, { format }) => {
        if (revoke !== undefined) await admin.call('sessions.revoke', { id: Number(revoke) });
        const found = await admin.call('sessions.list', { user });
        show(io, format, found, () => sessionsTable(found));
      }),
    );
  return command;
}

function passkeys(io: Io): Command {
  const command = leaf('passkeys', 'show the passkeys of a user')
    .argument('<user>', 'name or id')
    .option('--remove <id>', 'take this one away')
    .action(async (user: string, options: { remove?: string }) =>
      against(io, command, async (admin, { format }) => {
        if (options.remove !== undefined) await admin.call('passkeys.remove', { id: Number(options.remove) });
        const found = await admin.call('passkeys.list', { user });
        show(io, format, found, () => passkeysTable(found));
      }),
    );
  return command;
}

export const usersTable = (users: readonly UserJson[]): string =>
  table(
    ['ID', 'Name', 'Display name', 'Email', 'Role', 'Provider', 'Created'],
    users.map((user) => [
      String(user.id),
      user.name,
      user.display_name,
      user.email ?? '-',
      user.role,
      `${user.provider || 'local'}${user.suspended ? ' (suspended)' : ''}${user.approved ? '' : ' (waits for approval)'}`,
      when(user.created_at, ''),
    ]),
  );

const sessionsTable = (found: readonly SessionJson[]): string =>
  table(
    ['ID', 'Address', 'Browser', 'Since', 'Last used'],
    found.map((one) => [
      String(one.id),
      one.address,
      one.user_agent.slice(0, 60),
      when(one.created_at, ''),
      when(one.last_used_at, ''),
    ]),
  );

const passkeysTable = (found: readonly PasskeyJson[]): string =>
  table(
    ['ID', 'Name', 'Made', 'Last used'],
    found.map((one) => [String(one.id), one.name, when(one.created_at, ''), when(one.last_used_at, 'never')]),
  );
