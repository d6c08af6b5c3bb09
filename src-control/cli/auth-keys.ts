/** `preauthkeys …`: keys that let machines in without asking. */
import type { Command } from 'commander';
import type { AuthKeyJson } from '../admin/auth-keys.ts';
import { parseDuration } from '../server/duration.ts';
import { against, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { table, when, yesNo } from './print.ts';

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

const keysTable = (keys: readonly AuthKeyJson[]): string =>
  table(
    ['ID', 'Key', 'Reusable', 'Ephemeral', 'Used', 'Expiration', 'Created', 'Owner'],
    keys.map((key) => [
      String(key.id),
      key.key,
      yesNo(key.reusable),
      yesNo(key.ephemeral),
      yesNo(key.used),
      when(key.expiration, 'never'),
      when(key.created_at, ''),
      key.user.name,
    ]),
  );
