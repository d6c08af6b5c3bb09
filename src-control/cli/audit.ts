/** `audit list|export|verify`: who did what, for people and for programs that collect logs. */
import type { Command } from 'commander';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { Admin, CallArg } from '../admin/calls.ts';
import type { AuditEvent } from '../audit/event.ts';
import { parseDuration } from '../server/duration.ts';
import { against, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { table, when } from './print.ts';

const PAGE = 1_000;

const options = z.object({
  since: z.string().optional(),
  until: z.string().optional(),
  actor: z.string().optional(),
  target: z.string().optional(),
  action: z.string().optional(),
  limit: z.string().optional(),
});

const withFilters = (command: Command): Command =>
  command
    .option('--since <time>', 'from then on: a date and time, or a span back from now such as 24h')
    .option('--until <time>', 'up to then')
    .option('--actor <origin:id>', 'only what this one did, such as console:3')
    .option('--target <type:id>', 'only what was done to this, such as node:7')
    .option('--action <action>', 'only this, such as create, update, delete, login, denied');

function query(command: Command, nowMs: number): CallArg<'audit.list'> {
  const { since, until, actor, target, action } = options.parse(command.opts());
  const given = {
    from: since === undefined ? undefined : timeOf(since, nowMs),
    until: until === undefined ? undefined : timeOf(until, nowMs),
    ...{ actor, target, action },
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function timeOf(text: string, nowMs: number): number {
  const at = Date.parse(text);
  if (/^\d{4}-/.test(text) && !Number.isNaN(at)) return at;
  return Math.max(0, nowMs - parseDuration(text));
}

function limitOf(text: string | undefined): number {
  const limit = Number(text ?? '50');
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE)
    throw new RhumbError('bad-argument', `--limit takes a number from 1 to ${PAGE}, not "${text}"`);
  return limit;
}

export function auditCommand(io: Io): Command {
  const list = withFilters(leaf('list', 'show the newest entries'))
    .alias('ls')
    .option('--limit <n>', 'how many', '50');
  list.action(() =>
    against(io, list, async (admin, { format }) => {
      const limit = limitOf(options.parse(list.opts()).limit);
      const { events } = await admin.call('audit.list', { ...query(list, io.clock.now()), limit });
      show(io, format, events, () => eventsTable(events));
    }),
  );
  const all = withFilters(leaf('export', 'print every entry as a line of JSON, newest first'));
  all.action(() =>
    against(io, all, async (admin) => {
      for await (const event of eventsOf(admin, query(all, io.clock.now()))) io.out(JSON.stringify(event));
    }),
  );
  const verify = leaf('verify', 'find out whether entries were changed or taken out').option(
    '--head <seq:hash>',
    'also whether this entry, noted before, is still there',
  );
  verify.action(({ head }: { head?: string }) =>
    against(io, verify, async (admin, { format }) => {
      const verdict = await admin.call('audit.verify', head === undefined ? {} : { head });
      show(io, format, verdict, () =>
        [
          `${verdict.rows} entries, ${verdict.problem ?? 'all as they were written'}`,
          `head: ${verdict.head}`,
        ].join('\n'),
      );
      if (!verdict.ok) throw new RhumbError('internal', `the audit log is not whole: ${verdict.problem}`);
    }),
  );
  return group('audit', 'who did what').addCommand(list).addCommand(all).addCommand(verify);
}

async function* eventsOf(admin: Admin, filter: CallArg<'audit.list'>): AsyncGenerator<AuditEvent> {
  let beforeSeq: number | undefined;
  for (;;) {
    const place = beforeSeq === undefined ? {} : { beforeSeq };
    const { events, next } = await admin.call('audit.list', { ...filter, ...place, limit: PAGE });
    yield* events;
    if (next === null) return;
    beforeSeq = next;
  }
}

const eventsTable = (events: readonly AuditEvent[]): string =>
  table(
    ['Time', 'Who', 'Action', 'What', 'Details'],
    events.map((event) => [
      when(event.eventTime, ''),
      `${event.actor.displayName || event.origin}${event.remoteAddr === undefined ? '' : ` (${event.remoteAddr})`}`,
      event.action,
      `${event.target.type} ${event.target.name || event.target.id}${event.target.property === undefined ? '' : ` ${event.target.property}`}`,
      event.actionDetails ??
        [event.old, event.new].filter((one) => one !== undefined && one.length < 60).join(' → '),
    ]),
  );
