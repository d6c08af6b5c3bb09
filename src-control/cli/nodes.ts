/** `nodes …`: machines of the network. */
import type { Command } from 'commander';
import { RhumbError } from '#shared/errors.ts';
import type { NodeJson, PendingJson } from '../admin/nodes.ts';
import { against, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { table, when, yesNo } from './print.ts';

/** A node by position or by Headscale's `--identifier`. */
function nodeOf(position: string | undefined, options: { identifier?: string }): string {
  const node = position ?? options.identifier;
  if (node === undefined)
    throw new RhumbError('bad-argument', 'say which node: its id or name (see nodes list)');
  return node;
}

const IDENTIFIER = ['-i, --identifier <id>', 'the node, as in Headscale'] as const;

function nodeCommand(
  io: Io,
  name: 'expire' | 'delete',
  what: string,
  said: (node: NodeJson) => string,
): Command {
  const command = leaf(name, what)
    .argument('[node]', 'its id or name')
    .option(...IDENTIFIER)
    .action(async (position: string | undefined, options: { identifier?: string }) =>
      against(io, command, async (admin, { format }) => {
        const node = await admin.call(`nodes.${name}`, { node: nodeOf(position, options) });
        show(io, format, node, () => said(node));
      }),
    );
  return name === 'delete'
    ? command.option('--force', 'accepted as in Headscale; nothing is asked')
    : command;
}

function renameCommand(io: Io): Command {
  const command = leaf('rename', 'give a machine another name; it then no longer follows its host name')
    .argument('<node-or-name>', 'the node; with --identifier the new name')
    .argument('[new-name]')
    .option(...IDENTIFIER)
    .action(async (first: string, second: string | undefined, options: { identifier?: string }) =>
      against(io, command, async (admin, { format }) => {
        const newName = options.identifier === undefined ? second : first;
        if (newName === undefined || (options.identifier !== undefined && second !== undefined))
          throw new RhumbError(
            'bad-argument',
            'write: nodes rename NODE NEW-NAME, or nodes rename NEW-NAME -i ID',
          );
        const node = await admin.call('nodes.rename', { node: options.identifier ?? first, newName });
        show(io, format, node, () => `node ${node.id} is now ${node.fqdn}`);
      }),
    );
  return command;
}

export function nodesCommand(io: Io): Command {
  const list = leaf('list', 'show all machines')
    .alias('ls')
    .option('-u, --user <name>', 'only those of this user')
    .action(async ({ user }: { user?: string }) =>
      against(io, list, async (admin, { format }) => {
        const nodes = await admin.call('nodes.list', user === undefined ? {} : { user });
        show(io, format, nodes, () => nodesTable(nodes));
      }),
    );
  const pending = leaf('pending', 'show machines that wait for approval').action(async () =>
    against(io, pending, async (admin, { format }) => {
      const machines = await admin.call('nodes.pending', {});
      show(io, format, machines, () => pendingTable(machines));
    }),
  );
  const approve = leaf('approve', 'let a waiting machine in')
    .argument('<request>', 'the id or URL that the machine shows')
    .option('-u, --user <name>', 'whose machine it will be; needed when there are several users')
    .action(async (request: string, { user }: { user?: string }) =>
      against(io, approve, async (admin, { format }) => {
        const node = await admin.call('nodes.approve', { request, ...(user === undefined ? {} : { user }) });
        show(
          io,
          format,
          node,
          () => `${node.given_name} is in (id ${node.id}, ${node.ip_addresses.join(', ')})`,
        );
      }),
    );
  return group('nodes', 'machines of the network')
    .alias('node')
    .addCommand(list)
    .addCommand(pending)
    .addCommand(approve)
    .addCommand(
      nodeCommand(
        io,
        'expire',
        'end the key of a machine: it must sign in again',
        (node) => `node ${node.id} (${node.given_name}) expired`,
      ),
    )
    .addCommand(
      nodeCommand(
        io,
        'delete',
        'remove a machine from the network',
        (node) => `node ${node.id} (${node.given_name}) deleted`,
      ),
    )
    .addCommand(renameCommand(io));
}

const nodesTable = (nodes: readonly NodeJson[]): string =>
  table(
    [
      'ID',
      'Hostname',
      'Name',
      'User',
      'IP addresses',
      'Ephemeral',
      'Last seen',
      'Expiration',
      'Connected',
      'Expired',
    ],
    nodes.map((node) => [
      String(node.id),
      node.hostname,
      node.name,
      node.user.name,
      node.ip_addresses.join(', '),
      yesNo(node.ephemeral),
      when(node.last_seen, 'never'),
      when(node.expiry, 'never'),
      node.online ? 'online' : 'offline',
      yesNo(node.expired),
    ]),
  );

const pendingTable = (machines: readonly PendingJson[]): string =>
  table(
    ['Request', 'Hostname', 'OS', 'Address', 'Key', 'Asked'],
    machines.map((one) => [one.id, one.name, one.os, one.address, one.key, when(one.created_at, '')]),
  );
