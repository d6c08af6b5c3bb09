/** `preauthkeys …`: keys that let machines in without asking. */
import { type Command, InvalidArgumentError } from 'commander';
import { RhumbError } from '#shared/errors.ts';
import type { AuthKeyJson } from '../admin/auth-keys.ts';
import { parseDuration } from '../server/duration.ts';
import { against, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { listOption, table, when, yesNo } from './print.ts';

interface NewKey {
  readonly user?: string;
  readonly tags?: string[];
  readonly reusable: boolean;
  readonly maxUses?: number;
  readonly ephemeral: boolean;
  readonly preapproved?: boolean;
  readonly description?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly hostname?: string;
  readonly expiration: string;
}

/** What was said, and nothing of what every command takes. */
const newKeyArg = (said: NewKey) => ({
  user: said.user,
  tags: said.tags,
  reusable: said.reusable || (said.maxUses ?? 1) > 1,
  maxUses: said.maxUses,
  ephemeral: said.ephemeral,
  preapproved: said.preapproved,
  description: said.description,
  ipv4: said.ipv4,
  ipv6: said.ipv6,
  hostname: said.hostname,
  expirationMs: parseDuration(said.expiration),
});

function wholeNumber(value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value)) throw new InvalidArgumentError('write a whole number from 1 on.');
  return Number(value);
}

function ending(io: Io, name: 'expire' | 'revoke' | 'delete', what: string, done: string): Command {
  const command = leaf(name, what)
    .argument('[key]', 'its id, or the key itself')
    .option('-i, --id <id>', 'the id, as in Headscale')
    .option('-u, --user <name>', 'accepted as in Headscale; the key says whose it is')
    .action(async (position: string | undefined, { id }: { id?: string }) =>
      against(io, command, async (admin, { format }) => {
        const key = position ?? id;
        if (key === undefined)
          throw new RhumbError('bad-argument', 'say which key: its id, or the key itself');
        const ended = await admin.call(`preauthkeys.${name}`, { key });
        show(io, format, ended, () => `auth key ${ended.id} ${done}`);
      }),
    );
  return command;
}

export function authKeysCommand(io: Io): Command {
  const create = leaf('create', 'make a key that lets machines in without asking; it is shown once')
    .option('-u, --user <name>', 'whose the machines will be')
    .option('--tags <tag...>', 'the machines belong to these tags', listOption)
    .option('--reusable', 'let in any number of machines', false)
    .option('--max-uses <n>', 'let in so many at most', wholeNumber)
    .option('--ephemeral', 'delete the machines when they are gone for a while', false)
    .option('--preapproved', 'its machines need no approval')
    .option('--description <text>', 'what it is for')
    .option('--ipv4 <address>', 'the address of its one machine')
    .option('--ipv6 <address>', 'the same')
    .option('--hostname <name>', 'the name of its one machine')
    .option('-e, --expiration <span>', 'how long the key works: 30m, 1h, 90d, 0 = for ever', '1h')
    .action(async (options: NewKey) =>
      against(io, create, async (admin, { format }) => {
        const key = await admin.call('preauthkeys.create', newKeyArg(options));
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
  return group('preauthkeys', 'keys that let machines in without asking')
    .alias('preauthkey')
    .alias('authkeys')
    .addCommand(create)
    .addCommand(list)
    .addCommand(ending(io, 'expire', 'end a key; machines that it let in stay', 'expired'))
    .addCommand(ending(io, 'revoke', 'take a key back; machines that it let in stay', 'revoked'))
    .addCommand(ending(io, 'delete', 'end a key and forget it', 'deleted'));
}

const keysTable = (keys: readonly AuthKeyJson[]): string =>
  table(
    ['ID', 'Key', 'Reusable', 'Ephemeral', 'Used', 'Expiration', 'Created', 'Owner', 'Tags'],
    keys.map((key) => [
      String(key.id),
      key.key,
      yesNo(key.reusable),
      yesNo(key.ephemeral),
      key.revoked ? 'revoked' : yesNo(key.used),
      when(key.expiration, 'never'),
      when(key.created_at, ''),
      key.user.name,
      key.tags.join(' '),
    ]),
  );
