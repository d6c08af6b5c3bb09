/** `apikeys …` and `oauth-clients …`: how programs get at the admin API. */
import type { Command } from 'commander';
import { RhumbError } from '#shared/errors.ts';
import type { ApiKeyJson } from '../admin/api-keys.ts';
import type { OauthClientJson } from '../admin/oauth-clients.ts';
import { parseDuration } from '../server/duration.ts';
import { against, beginning, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { listOption, table, when, yesNo } from './print.ts';

interface NewKey {
  readonly user?: string;
  readonly scope?: readonly string[];
  readonly description?: string;
  readonly expiration: string;
}

export function apiKeysCommand(io: Io): Command {
  const create = leaf('create', 'make a key for the admin API; it is shown once')
    .option('-e, --expiration <span>', 'how long the key works: 24h, 90d, 0 = for ever', '90d')
    .option('-u, --user <name>', 'whose key it is: it can do no more than this user')
    .option(
      '--scope <scope...>',
      'what it may do, such as devices:core:read; without one, everything',
      listOption,
    )
    .option('--description <text>', 'what it is for')
    .action(async ({ user, scope, description, expiration }: NewKey) =>
      beginning(io, create, async (admin, { format }) => {
        const made = await admin.call('apikeys.create', {
          expirationMs: parseDuration(expiration),
          ...(user === undefined ? {} : { user }),
          ...(scope === undefined ? {} : { scopes: [...scope] }),
          ...(description === undefined ? {} : { description }),
        });
        show(io, format, made, () => made.key);
      }),
    );
  const list = leaf('list', 'show all keys, without their secrets')
    .alias('ls')
    .action(async () =>
      against(io, list, async (admin, { format }) => {
        const keys = await admin.call('apikeys.list', {});
        show(io, format, keys, () => keysTable(keys));
      }),
    );
  return group('apikeys', 'keys of programs that speak to the admin API')
    .alias('apikey')
    .addCommand(create)
    .addCommand(list)
    .addCommand(ending(io, 'expire', 'end a key; it stays on record', 'expired'))
    .addCommand(ending(io, 'delete', 'end a key and forget it', 'deleted'));
}

function ending(io: Io, name: 'expire' | 'delete', what: string, done: string): Command {
  const command = leaf(name, what)
    .argument('[key]', 'its id, its public part, or the key itself')
    .option('-p, --prefix <prefix>', 'the public part, as in Headscale')
    .option('-i, --id <id>', 'the id, as in Headscale')
    .action(async (position: string | undefined, options: { prefix?: string; id?: string }) =>
      against(io, command, async (admin, { format }) => {
        const key = position ?? options.prefix ?? options.id;
        if (key === undefined)
          throw new RhumbError('bad-argument', 'say which key: its id or its public part');
        const ended = await admin.call(`apikeys.${name}`, { key });
        show(io, format, ended, () => `API key ${ended.id} ${done}`);
      }),
    );
  return command;
}

const keysTable = (keys: readonly ApiKeyJson[]): string =>
  table(
    ['ID', 'Key', 'User', 'Scopes', 'Valid', 'Expiration', 'Last used', 'Created', 'Description'],
    keys.map((key) => [
      String(key.id),
      key.key,
      key.user ?? '-',
      key.scopes.join(' '),
      yesNo(key.valid),
      when(key.expiration, 'never'),
      when(key.last_used_at, 'never'),
      when(key.created_at, ''),
      key.description,
    ]),
  );

interface NewClient {
  readonly scope: readonly string[];
  readonly tag?: readonly string[];
  readonly description?: string;
}

export function oauthClientsCommand(io: Io): Command {
  const create = leaf('create', 'make a client that asks for tokens of an hour; its secret is shown once')
    .requiredOption('--scope <scope...>', 'what its tokens may do', listOption)
    .option('--tag <tag...>', 'the tags of the machines that it makes', listOption)
    .option('--description <text>', 'what it is for')
    .action(async ({ scope, tag, description }: NewClient) =>
      against(io, create, async (admin, { format }) => {
        const made = await admin.call('oauth-clients.create', {
          scopes: [...scope],
          ...(tag === undefined ? {} : { tags: [...tag] }),
          ...(description === undefined ? {} : { description }),
        });
        show(io, format, made, () => `client id: ${made.client_id}\nclient secret: ${made.secret}`);
      }),
    );
  const list = leaf('list', 'show all clients, without their secrets')
    .alias('ls')
    .action(async () =>
      against(io, list, async (admin, { format }) => {
        const clients = await admin.call('oauth-clients.list', {});
        show(io, format, clients, () => clientsTable(clients));
      }),
    );
  const remove = leaf('delete', 'forget a client; its tokens end')
    .argument('<client>', 'its id, its client id, or its secret')
    .action(async (client: string) =>
      against(io, remove, async (admin, { format }) => {
        const gone = await admin.call('oauth-clients.delete', { client });
        show(io, format, gone, () => `OAuth client ${gone.client_id} deleted`);
      }),
    );
  return group('oauth-clients', 'programs that ask for tokens of an hour')
    .alias('oauth-client')
    .addCommand(create)
    .addCommand(list)
    .addCommand(remove);
}

const clientsTable = (clients: readonly OauthClientJson[]): string =>
  table(
    ['ID', 'Client ID', 'Scopes', 'Tags', 'Last used', 'Created', 'Description'],
    clients.map((client) => [
      String(client.id),
      client.client_id,
      client.scopes.join(' '),
      client.tags.join(' ') || '-',
      when(client.last_used_at, 'never'),
      when(client.created_at, ''),
      client.description,
    ]),
  );
