/** `nodes …`: machines of the network; what changes one is in node-commands.ts, routes in routes.ts. */
import type { Command } from 'commander';
import type { NodeJson, PendingJson } from '../admin/node-json.ts';
import { against, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { IDENTIFIER, nodeChangeCommands, nodeOf } from './node-commands.ts';
import { table, when, yesNo } from './print.ts';
import { nodeRouteCommands } from './routes.ts';

function listCommand(io: Io): Command {
  const list = leaf('list', 'show all machines')
    .alias('ls')
    .option('-u, --user <name>', 'only those of this user')
    .action(async ({ user }: { user?: string }) =>
      against(io, list, async (admin, { format }) => {
        const nodes = await admin.call('nodes.list', user === undefined ? {} : { user });
        show(io, format, nodes, () => nodesTable(nodes));
      }),
    );
  return list;
}

function showCommand(io: Io): Command {
  const command = leaf('show', 'show all about one machine')
    .argument('[node]', 'its id or name')
    .option(...IDENTIFIER)
    .action(async (position: string | undefined, options: { identifier?: string }) =>
      against(io, command, async (admin, { format }) => {
        const node = await admin.call('nodes.show', { node: nodeOf(position, options) });
        show(io, format, node, () => nodeText(node));
      }),
    );
  return command;
}

function pendingCommands(io: Io): readonly Command[] {
  const pending = leaf('pending', 'show machines that wait to be let in').action(async () =>
    against(io, pending, async (admin, { format }) => {
      const machines = await admin.call('nodes.pending', {});
      show(io, format, machines, () => pendingTable(machines));
    }),
  );
  const letIn = (command: Command, request: string | undefined, user: string | undefined): Promise<void> =>
    against(io, command, async (admin, { format }) => {
      const arg = { request: nodeOf(request, {}), ...(user === undefined ? {} : { user }) };
      const node = await admin.call('nodes.approve', arg);
      const text = `${node.given_name} is in (id ${node.id}, ${node.ip_addresses.join(', ')})`;
      show(io, format, node, () => text);
    });
  const approve = leaf('approve', 'let a waiting machine in, or give one that signed in the yes it waits for')
    .argument('<request>', 'the id or URL that the machine shows, or its id or name here')
    .option('-u, --user <name>', 'whose machine it will be; needed when there are several users')
    .action(async (request: string, { user }: { user?: string }) => letIn(approve, request, user));
  const register = leaf('register', 'the same, with the flags of Headscale')
    .option('-u, --user <name>', 'whose machine it will be; needed when there are several users')
    .requiredOption('-k, --key <request>', 'the id or URL that the machine shows')
    .action(async ({ user, key }: { user?: string; key: string }) => letIn(register, key, user));
  const reject = leaf('reject', 'refuse a waiting machine')
    .argument('<request>', 'the id or URL that the machine shows')
    .option('--reason <text>', 'shown to its user')
    .action(async (request: string, { reason }: { reason?: string }) =>
      against(io, reject, async (admin, { format }) => {
        const arg = { request, ...(reason === undefined ? {} : { reason }) };
        const machine = await admin.call('nodes.reject', arg);
        show(io, format, machine, () => `${machine.name || machine.id} is refused`);
      }),
    );
  return [pending, approve, register, reject];
}

export function nodesCommand(io: Io): Command {
  const nodes = group('nodes', 'machines of the network').alias('node');
  const commands = [
    listCommand(io),
    showCommand(io),
    ...pendingCommands(io),
    ...nodeChangeCommands(io),
    ...nodeRouteCommands(io),
  ];
  for (const command of commands) nodes.addCommand(command);
  return nodes;
}

const state = (node: NodeJson): string => {
  if (node.disabled) return 'disabled';
  if (!node.approved) return 'waits';
  return node.online ? 'online' : 'offline';
};

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
      node.tags.length > 0 ? node.tags.join(' ') : node.user.name,
      node.ip_addresses.join(', '),
      yesNo(node.ephemeral),
      when(node.last_seen, 'never'),
      when(node.expiry, 'never'),
      state(node),
      yesNo(node.expired),
    ]),
  );

function nodeText(node: NodeJson): string {
  const rows: readonly (readonly [string, string])[] = [
    ['ID', String(node.id)],
    ['Name', `${node.fqdn}${node.name_locked ? ' (chosen)' : ''}`],
    ['Host name', node.hostname],
    ['Owner', node.tags.length > 0 ? node.tags.join(' ') : node.user.name],
    ['State', `${state(node)}${node.expired ? ', expired' : ''}`],
    ['Addresses', node.ip_addresses.join(', ')],
    ['Last seen', when(node.last_seen, 'never')],
    ['Expiration', node.key_expiry_disabled ? 'never (disabled)' : when(node.expiry, 'never')],
    ['Ephemeral', yesNo(node.ephemeral)],
    ['System', [node.os, node.os_version].filter((text) => text !== '').join(' ')],
    ['Client', `${node.client_version} (capability ${node.capability_version})`],
    ['Home relay', node.home_derp === 0 ? 'none' : String(node.home_derp)],
    ['Endpoints', node.endpoints.join(', ')],
    ['Routes announced', node.available_routes.join(', ')],
    ['Routes approved', node.approved_routes.join(', ')],
    ['Routes in use', node.subnet_routes.join(', ')],
    ...node.refused_routes.map((text) => ['Route refused', text] as const),
    ...appRows(node),
    ...Object.entries(node.attributes).map(([key, { value }]) => [key, String(value)] as const),
    ['Let in', `${when(node.created_at, '')} by ${node.created_by || node.register_method}`],
    ['Node key', node.node_key],
    ['Machine key', node.machine_key],
  ];
  return table(['Machine', node.name], rows);
}

function appRows({ app_connector: connector }: NodeJson): readonly (readonly [string, string])[] {
  if (connector === null) return [];
  if (connector.apps.length === 0) return [['App connector', 'offers itself; the policy names it nowhere']];
  const learned = connector.learned_routes.join(', ');
  return [
    ...connector.apps.map(
      ({ name = '', domains = [], routes = [] }) =>
        [
          'App connector',
          [name, [...domains, ...routes].join(', ')].filter((text) => text !== '').join(': '),
        ] as const,
    ),
    ...(learned === '' ? [] : [['Routes learned', learned] as const]),
  ];
}

const pendingTable = (machines: readonly PendingJson[]): string =>
  table(
    ['Request', 'Hostname', 'OS', 'Address', 'Key', 'Tags', 'Asked'],
    machines.map((one) => [
      one.id,
      one.name,
      one.os,
      one.address,
      one.key,
      one.tags.join(' '),
      when(one.created_at, ''),
    ]),
  );
