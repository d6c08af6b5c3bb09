/** `ssh-checks …`: SSH sessions that wait for a fresh sign-in. */
import type { Command } from 'commander';
import type { SshCheckJson } from '../admin/ssh-checks.ts';
import { against, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { table, when } from './print.ts';

export function sshChecksCommand(io: Io): Command {
  const list = leaf('list', 'show the sessions that wait')
    .alias('ls')
    .action(async () =>
      against(io, list, async (admin, { format }) => {
        const found = await admin.call('ssh-checks.list', {});
        show(io, format, found, () => checksTable(found));
      }),
    );
  return group('ssh-checks', 'SSH sessions that wait for a fresh sign-in')
    .addCommand(list)
    .addCommand(answer(io, 'approve', 'let a session from a tagged machine in', true))
    .addCommand(answer(io, 'reject', 'turn a session down', false));
}

function answer(io: Io, name: string, what: string, accept: boolean): Command {
  const command = leaf(name, what)
    .argument('<id>', 'as in the address that the terminal shows')
    .action(async (id: string) =>
      against(io, command, async (admin, { format }) => {
        const done = await admin.call('ssh-checks.answer', { id: id.slice(id.lastIndexOf('/') + 1), accept });
        const said = accept ? 'goes on' : 'was turned down';
        show(io, format, done, () => `the session from ${done.source} to ${done.destination} ${said}`);
      }),
    );
  return command;
}

const checksTable = (found: readonly SshCheckJson[]): string =>
  table(
    ['ID', 'From', 'To', 'As', 'Number', 'Since'],
    found.map((one) => [
      one.id,
      one.source,
      one.destination,
      one.login,
      one.number,
      when(one.created_at, ''),
    ]),
  );
