/** `auth …`: machines that wait to be let in, by the names that Headscale gives these commands. */
import type { Command } from 'commander';
import { RhumbError } from '#shared/errors.ts';
import { against, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { table, when } from './print.ts';

interface Which {
  readonly authId?: string;
  readonly user?: string;
}

/** By position or by Headscale's `--auth-id`. */
function requestOf(position: string | undefined, { authId }: Which): string {
  const request = position ?? authId;
  if (request === undefined)
    throw new RhumbError('bad-argument', 'say which request: the id or URL that the machine shows');
  return request;
}

function letInCommand(io: Io, name: 'register' | 'approve', what: string): Command {
  const command = leaf(name, what)
    .argument('[request]', 'the id or URL that the machine shows')
    .option('--auth-id <id>', 'the same, as in Headscale')
    .option('-u, --user <name>', 'whose machine it will be; needed when there are several users')
    .action(async (position: string | undefined, options: Which) =>
      against(io, command, async (admin, { format }) => {
        const { user } = options;
        const request = requestOf(position, options);
        const node = await admin.call('nodes.approve', { request, ...(user === undefined ? {} : { user }) });
        show(
          io,
          format,
          node,
          () => `${node.given_name} is in (id ${node.id}, ${node.ip_addresses.join(', ')})`,
        );
      }),
    );
  return command;
}

export function authCommand(io: Io): Command {
  const list = leaf('list', 'show machines that wait')
    .alias('ls')
    .action(async () =>
      against(io, list, async (admin, { format }) => {
        const machines = await admin.call('nodes.pending', {});
        show(io, format, machines, () =>
          table(
            ['Request', 'Hostname', 'OS', 'Address', 'Key', 'Asked'],
            machines.map((one) => [one.id, one.name, one.os, one.address, one.key, when(one.created_at, '')]),
          ),
        );
      }),
    );
  const reject = leaf('reject', 'turn a waiting machine away')
    .argument('[request]', 'the id or URL that the machine shows')
    .option('--auth-id <id>', 'the same, as in Headscale')
    .option('--reason <text>', 'shown on the machine')
    .action(async (position: string | undefined, options: Which & { reason?: string }) =>
      against(io, reject, async (admin, { format }) => {
        const { reason } = options;
        const request = requestOf(position, options);
        const gone = await admin.call('nodes.reject', {
          request,
          ...(reason === undefined ? {} : { reason }),
        });
        show(io, format, gone, () => 'turned away');
      }),
    );
  return group('auth', 'machines that wait to be let in')
    .addCommand(letInCommand(io, 'register', 'let a machine in for a user'))
    .addCommand(letInCommand(io, 'approve', 'let a machine in'))
    .addCommand(reject)
    .addCommand(list);
}
