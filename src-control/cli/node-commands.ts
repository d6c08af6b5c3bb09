/** `nodes …` that change one machine: name, tags, owner, expiry, admission, addresses, attributes. */
import type { Command } from 'commander';
import { RhumbError } from '#shared/errors.ts';
import type { Admin } from '../admin/calls.ts';
import type { NodeJson } from '../admin/node-json.ts';
import { parseDuration } from '../server/duration.ts';
import { against, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { table, when } from './print.ts';

/** A node by position or by Headscale's `--identifier`. */
export function nodeOf(position: string | undefined, options: { identifier?: string }): string {
  const node = position ?? options.identifier;
  if (node === undefined)
    throw new RhumbError('bad-argument', 'say which node: its id or name (see nodes list)');
  return node;
}

export const IDENTIFIER = ['-i, --identifier <id>', 'the node, as in Headscale'] as const;

interface Options {
  readonly identifier?: string;
  readonly expiry?: string;
  readonly disable?: boolean;
  readonly tags?: string[];
  readonly user?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly comment?: string;
}

/** A command about one machine, whose other words follow its name. */
export function nodeCommand<O extends { readonly identifier?: string }>(
  io: Io,
  command: Command,
  act: (admin: Admin, node: string, options: O) => Promise<NodeJson>,
  said: (node: NodeJson) => string,
): Command {
  return command
    .argument('[node]', 'its id or name')
    .option(...IDENTIFIER)
    .action(async (position: string | undefined, options: O) =>
      against(io, command, async (admin, { format }) => {
        const node = await act(admin, nodeOf(position, options), options);
        show(io, format, node, () => said(node));
      }),
    );
}

/** `a,b` and `a b` are both lists, as Headscale takes them. */
export const listOf = (value: string, before: readonly string[] = []): string[] => [
  ...before,
  ...value.split(/[\s,]+/).filter((text) => text !== ''),
];

const one = (node: NodeJson): string => `node ${node.id} (${node.given_name})`;

function renameCommand(io: Io): Command {
  const command = leaf('rename', 'give a machine another name; it then no longer follows its host name')
    .argument('<node-or-name>', 'the node; with --identifier the new name')
    .argument('[new-name]')
    .option(...IDENTIFIER)
    .action(async (first: string, second: string | undefined, options: Options) =>
      against(io, command, async (admin, { format }) => {
        const newName = options.identifier === undefined ? second : first;
        if (
          newName === undefined ||
          newName === '' ||
          (options.identifier !== undefined && second !== undefined)
        )
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

async function expire(admin: Admin, node: string, { expiry, disable }: Options): Promise<NodeJson> {
  if (disable === true) return admin.call('nodes.key-expiry', { node, disabled: true });
  return admin.call('nodes.expire', { node, ...(expiry === undefined ? {} : { at: expiry }) });
}

function setIp(admin: Admin, node: string, { ipv4, ipv6 }: Options): Promise<NodeJson> {
  const wanted = { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
  return admin.call('nodes.set-ip', { node, ...wanted });
}

function attributeCommands(io: Io): readonly Command[] {
  const set = leaf('set-attribute', 'say something about a machine that rules of the policy can ask for')
    .argument('<node>', 'its id or name')
    .argument('<key>', 'custom:name')
    .argument('<value>', 'a text, a number, true or false')
    .option('-e, --expiration <span>', 'how long it holds: 1h, 30d; without it, for ever')
    .option('--comment <text>', 'why')
    .action(
      async (
        node: string,
        key: string,
        text: string,
        { expiration, comment }: { expiration?: string; comment?: string },
      ) =>
        against(io, set, async (admin, { format }) => {
          const ends = expiration === undefined ? undefined : io.clock.now() + parseDuration(expiration);
          const answer = await admin.call('nodes.set-attribute', {
            ...{ node, key, value: attributeOf(text) },
            ...(ends === undefined ? {} : { expiry: new Date(ends).toISOString() }),
            ...(comment === undefined ? {} : { comment }),
          });
          show(io, format, answer, () => `${key} of ${one(answer)} is ${text}`);
        }),
    );
  const remove = leaf('remove-attribute', 'take it back')
    .argument('<node>', 'its id or name')
    .argument('<key>', 'custom:name')
    .action(async (node: string, key: string) =>
      against(io, remove, async (admin, { format }) => {
        const answer = await admin.call('nodes.remove-attribute', { node, key });
        show(io, format, answer, () => `${one(answer)} has no ${key}`);
      }),
    );
  return [set, remove];
}

function attributeOf(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function backfillCommand(io: Io): Command {
  const command = leaf('backfillips', 'give addresses of the prefixes of now to machines that have others')
    .option('--confirmed', 'do it; without it, only show what would change', false)
    .option('--force', 'the same as --confirmed, as in Headscale', false)
    .action(async ({ confirmed, force }: { confirmed: boolean; force: boolean }) =>
      against(io, command, async (admin, { format }) => {
        const answer = await admin.call('nodes.backfillips', { confirmed: confirmed || force });
        const rows = answer.changes.map(({ id, name, from, to }) => [
          String(id),
          name,
          from.join(', '),
          to.join(', '),
        ]);
        const note = answer.confirmed || rows.length === 0 ? '' : '\nnothing is changed yet: add --confirmed';
        show(io, format, answer, () =>
          rows.length === 0
            ? 'every machine has addresses of the prefixes'
            : `${table(['ID', 'Name', 'From', 'To'], rows)}${note}`,
        );
      }),
    );
  return command;
}

export function nodeChangeCommands(io: Io): readonly Command[] {
  const about = (
    command: Command,
    act: (admin: Admin, node: string, options: Options) => Promise<NodeJson>,
    said: (node: NodeJson) => string,
  ): Command => nodeCommand<Options>(io, command, act, said);
  return [
    renameCommand(io),
    about(
      leaf('unlock-name', 'let a machine follow its host name again'),
      (admin, node) => admin.call('nodes.rename', { node, newName: '' }),
      (node) => `node ${node.id} is now ${node.fqdn}`,
    ),
    about(
      leaf('expire', 'end the key of a machine: it must sign in again')
        .alias('logout')
        .option('-e, --expiry <time>', 'not now, but then: 2027-08-27T10:00:00Z')
        .option('-d, --disable', 'its key never ends'),
      expire,
      (node) =>
        node.expired
          ? `${one(node)} expired`
          : `${one(node)} ${node.expiry === null ? 'never expires' : `expires ${when(node.expiry, 'never')}`}`,
    ),
    about(
      leaf('enable-expiry', 'let the key of a machine end as others do'),
      (admin, node) => admin.call('nodes.key-expiry', { node, disabled: false }),
      (node) => `${one(node)} expires ${when(node.expiry, 'never')}`,
    ),
    about(
      leaf('delete', 'remove a machine from the network')
        .alias('del')
        .option('--force', 'accepted as in Headscale; nothing is asked'),
      (admin, node) => admin.call('nodes.delete', { node }),
      (node) => `${one(node)} deleted`,
    ),
    about(
      leaf('tag', 'make a machine belong to tags instead of a user; the whole list')
        .alias('tags')
        .requiredOption('-t, --tags <tags>', 'tag:a,tag:b', listOf),
      (admin, node, { tags = [] }) => admin.call('nodes.tag', { node, tags }),
      (node) => `${one(node)} has ${node.tags.join(' ')}`,
    ),
    about(
      leaf('move', 'give a machine to a user; a tagged one loses its tags').requiredOption(
        '-u, --user <name>',
        'the new owner',
      ),
      (admin, node, { user = '' }) => admin.call('nodes.move', { node, user }),
      (node) => `${one(node)} belongs to ${node.user.name}`,
    ),
    about(
      leaf('disable', 'take a machine out of the network for the time being'),
      (admin, node) => admin.call('nodes.disable', { node }),
      (node) => `${one(node)} is disabled`,
    ),
    about(
      leaf('enable', 'let a disabled machine back in'),
      (admin, node) => admin.call('nodes.enable', { node }),
      (node) => `${one(node)} is enabled`,
    ),
    about(
      leaf('set-ip', 'give a machine another address; its connections end')
        .option('--ipv4 <address>')
        .option('--ipv6 <address>'),
      setIp,
      (node) => `${one(node)} has ${node.ip_addresses.join(', ')}`,
    ),
    ...attributeCommands(io),
    backfillCommand(io),
  ];
}
