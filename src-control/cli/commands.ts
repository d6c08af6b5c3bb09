/** Administrators' commands: users, preauthkeys, nodes, admin-code. */
import { Command } from 'commander';
import { RhumbError } from '#shared/errors.ts';
import type { Admin, NodeJson } from '../server/admin-calls.ts';
import { parseDuration } from '../server/duration.ts';
import {
  configFor,
  type Globals,
  type Io,
  openAdmin,
  readGlobals,
  show,
  withGlobalOptions,
} from './context.ts';
import { keysTable, nodesTable, pendingTable, usersTable } from './print.ts';

type Act = (admin: Admin, globals: Globals) => Promise<void>;

/** Runs one command against a state that is there. */
const against = (io: Io, command: Command, act: Act): Promise<void> => run(io, command, act, 'refuse');

async function run(io: Io, command: Command, act: Act, missing: 'refuse' | 'begin'): Promise<void> {
  const globals = readGlobals(command);
  await using admin = await openAdmin(configFor(globals), io, missing);
  await act(admin, globals);
}

const leaf = (name: string, what: string): Command => withGlobalOptions(new Command(name).description(what));
const group = (name: string, what: string): Command => new Command(name).description(what);

export function usersCommand(io: Io): Command {
  const create = leaf('create', 'add a user, who can then own machines')
    .argument('<name>')
    .option('--display-name <text>', 'how the user is shown')
    .action(async (name: string, options: { displayName?: string }) =>
      run(
        io,
        create,
        async (admin, { format }) => {
          const { displayName } = options;
          const user = await admin.call('users.create', {
            name,
            ...(displayName === undefined ? {} : { displayName }),
          });
          show(io, format, user, () => `user ${user.name} created (id ${user.id})`);
        },
        'begin',
      ),
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

export function authKeysCommand(io: Io): Command {
  const create = leaf('create', 'make a key that lets machines in without asking; it is shown once')
    .requiredOption('-u, --user <name>', 'whose the machines will be')
    .option('--reusable', 'let in any number of machines', false)
    .option('--ephemeral', 'delete the machines when they are gone for a while', false)
    .option('-e, --expiration <span>', 'how long the key works: 30m, 1h, 90d, 0 = for ever', '1h')
    .action(async (options: { user: string; reusable: boolean; ephemeral: boolean; expiration: string }) =>
      against(io, create, async (admin, { format }) => {
        const { user, reusable, ephemeral } = options;
        const expirationMs = parseDuration(options.expiration);
        const key = await admin.call('preauthkeys.create', { user, reusable, ephemeral, expirationMs });
        show(io, format, key, () => key.key);
      }),
    );
  const list = leaf('list', 'show all keys, without their secrets')
    .alias('ls')
    .option('-u, --user <name>', 'only those of this user')
    .action(async ({ user }: { user?: string }) =>
      against(io, list, async (admin, { format }) => {
        const keys = await admin.call('preauthkeys.list', user === undefined ? {} : { user });
        show(io, format, keys, () => keysTable(keys));
      }),
    );
  const expire = leaf('expire', 'end a key; machines that it let in stay')
    .argument('<key>', 'its id, or the key itself')
    .option('-u, --user <name>', 'accepted as in Headscale; the key says whose it is')
    .action(async (key: string) =>
      against(io, expire, async (admin, { format }) => {
        const ended = await admin.call('preauthkeys.expire', { key });
        show(io, format, ended, () => `auth key ${ended.id} expired`);
      }),
    );
  return group('preauthkeys', 'keys that let machines in without asking')
    .alias('preauthkey')
    .alias('authkeys')
    .addCommand(create)
    .addCommand(list)
    .addCommand(expire);
}

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

export function adminCodeCommand(io: Io): Command {
  const create = leaf('create', 'make a code that approves one machine on the sign-in page')
    .option('-u, --user <name>', 'whose machine it will be; needed when there are several users')
    .option('-e, --expiration <span>', 'how long the code works', '10m')
    .action(async ({ user, expiration }: { user?: string; expiration: string }) =>
      against(io, create, async (admin, { format }) => {
        const expirationMs = parseDuration(expiration);
        if (expirationMs === 0)
          throw new RhumbError('bad-argument', 'a code must end: write 10m, 1h or the like');
        const made = await admin.call('admin-code.create', {
          expirationMs,
          ...(user === undefined ? {} : { user }),
        });
        show(io, format, made, () => made.code);
      }),
    );
  return group('admin-code', 'one-time codes for the sign-in page').addCommand(create);
}
