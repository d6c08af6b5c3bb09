/** `webhooks …`: who outside is told what happens. */
import type { Command } from 'commander';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { DeliveryJson, WebhookJson } from '../admin/webhooks.ts';
import { PROVIDERS } from '../webhooks/provider.ts';
import { against, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { listOption, table, when } from './print.ts';

const createOptions = z.object({
  provider: z.enum(PROVIDERS, { error: `--provider takes one of ${PROVIDERS.join(', ')}` }),
  on: z.array(z.string()).default([]),
});

function idOf(text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new RhumbError('bad-argument', `"${text}" is no id of a webhook: see webhooks list`);
  return Number(text);
}

function createCommand(io: Io): Command {
  const command = leaf('create', 'tell an address what happens; its secret is shown once')
    .argument('<url>')
    .option('--provider <kind>', PROVIDERS.join(', '), 'generic')
    .option('--on <events>', 'which events, with commas; see webhooks events', listOption);
  return command.action((url: string) =>
    against(io, command, async (admin, { format }) => {
      const given = createOptions.safeParse(command.opts());
      if (!given.success) throw new RhumbError('bad-argument', given.error.issues[0]?.message ?? 'malformed');
      const { provider, on } = given.data;
      const subscriptions = on.length > 0 ? on : [...(await admin.call('webhooks.events', {}))];
      const made = await admin.call('webhooks.create', { url, provider, subscriptions });
      show(io, format, made, () => `webhook ${made.id}, secret ${made.secret ?? ''}`);
    }),
  );
}

function updateCommand(io: Io): Command {
  const command = leaf('update', 'change what a webhook is told, or switch it on or off')
    .argument('<id>')
    .option('--on <events>', 'which events, with commas', listOption)
    .option('--enable', 'tell it again')
    .option('--disable', 'tell it nothing for now');
  return command.action((id: string, options: { on?: string[]; enable?: true; disable?: true }) =>
    against(io, command, async (admin, { format }) => {
      const { on, enable, disable } = options;
      if (enable !== undefined && disable !== undefined)
        throw new RhumbError('bad-argument', 'choose --enable or --disable');
      const enabled = enable ?? (disable === undefined ? undefined : false);
      const changed = await admin.call('webhooks.update', {
        id: idOf(id),
        ...(on === undefined ? {} : { subscriptions: on }),
        ...(enabled === undefined ? {} : { enabled }),
      });
      show(io, format, changed, () => webhooksTable([changed]));
    }),
  );
}

export function webhooksCommand(io: Io): Command {
  const list = leaf('list', 'show all webhooks').alias('ls');
  list.action(() =>
    against(io, list, async (admin, { format }) => {
      const all = await admin.call('webhooks.list', {});
      show(io, format, all, () => webhooksTable(all));
    }),
  );
  const events = leaf('events', 'show what webhooks can be told');
  events.action(() =>
    against(io, events, async (admin, { format }) => {
      const types = await admin.call('webhooks.events', {});
      show(io, format, types, () => types.join('\n'));
    }),
  );
  const test = leaf('test', 'send an event now, and say what came of it').argument('<id>');
  test.action((id: string) =>
    against(io, test, async (admin, { format }) => {
      const outcome = await admin.call('webhooks.test', { id: idOf(id) });
      show(io, format, outcome, () => outcome.problem ?? `taken (${outcome.status})`);
      if (outcome.problem !== null) throw new RhumbError('unavailable', `webhook ${id}: ${outcome.problem}`);
    }),
  );
  const rotate = leaf('rotate', 'make a new secret; the old one signs as well for a day').argument('<id>');
  rotate.action((id: string) =>
    against(io, rotate, async (admin, { format }) => {
      const made = await admin.call('webhooks.rotate', { id: idOf(id) });
      show(io, format, made, () => made.secret ?? '');
    }),
  );
  const remove = leaf('delete', 'remove a webhook').argument('<id>');
  remove.action((id: string) =>
    against(io, remove, async (admin, { format }) => {
      const gone = await admin.call('webhooks.delete', { id: idOf(id) });
      show(io, format, gone, () => `webhook ${gone.id} deleted`);
    }),
  );
  const deliveries = leaf('deliveries', 'show what a webhook was told, newest first').argument('<id>');
  deliveries.action((id: string) =>
    against(io, deliveries, async (admin, { format }) => {
      const all = await admin.call('webhooks.deliveries', { id: idOf(id) });
      show(io, format, all, () => deliveriesTable(all));
    }),
  );
  const command = group('webhooks', 'addresses outside that are told what happens').alias('webhook');
  for (const one of [list, events, createCommand(io), updateCommand(io), test, rotate, remove, deliveries])
    command.addCommand(one);
  return command;
}

const webhooksTable = (webhooks: readonly WebhookJson[]): string =>
  table(
    ['ID', 'Address', 'Provider', 'State', 'Events'],
    webhooks.map((one) => [
      String(one.id),
      one.url,
      one.provider,
      one.disabled ? 'disabled' : 'enabled',
      one.subscriptions.join(' '),
    ]),
  );

const deliveriesTable = (deliveries: readonly DeliveryJson[]): string =>
  table(
    ['ID', 'Made', 'Events', 'Attempts', 'State'],
    deliveries.map((one) => [
      String(one.id),
      when(one.created_at, ''),
      one.events.join(' '),
      String(one.attempts),
      one.delivered_at !== null
        ? `taken ${when(one.delivered_at, '')}`
        : `${one.problem ?? 'waits'}${one.next_at === null ? ', given up' : `, again ${when(one.next_at, '')}`}`,
    ]),
  );
