/** `policy get|set|diff|history|rollback` and what `check` and `explain` ask a network: the policy in force. */
import type { Command } from 'commander';
import { RhumbError } from '#shared/errors.ts';
import type { Admin } from '../admin/calls.ts';
import type { SetJson } from '../admin/policy.ts';
import type { DiagnosticJson, ExplainJson, JudgementJson, VersionJson } from '../admin/policy-json.ts';
import { against, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { readText } from './policy-text.ts';
import { type OutputFormat, structured, table } from './print.ts';

const line = (file: string, { line: row, column, severity, code, message }: DiagnosticJson): string =>
  `${file}:${row}:${column}: ${severity}[${code}]: ${message}`;

/** Prints all that is wrong; throws when there are errors. */
function tellProblems(io: Io, file: string, { errors, warnings }: JudgementJson): void {
  for (const one of [...errors, ...warnings]) io.err(line(file, one));
  if (errors.length > 0)
    throw new RhumbError(
      'bad-argument',
      `${file}: ${errors.length === 1 ? 'one error' : `${errors.length} errors`}: nothing is changed`,
    );
}

function tellSet(io: Io, file: string, outcome: SetJson): VersionJson {
  tellProblems(io, file, outcome);
  if (outcome.version !== null) return outcome.version;
  for (const concern of outcome.concerns) io.err(`careful: ${concern}`);
  throw new RhumbError('not-allowed', 'nothing is changed: say --force to set it all the same');
}

/** The file by position or by Headscale's `--file`. */
function fileOf(position: string | undefined, { file }: { file?: string }): string {
  const named = position ?? file;
  if (named === undefined) throw new RhumbError('bad-argument', 'say which policy file');
  return named;
}

const FILE = ['-f, --file <file>', 'the policy file, as in Headscale'] as const;

function getCommand(io: Io): Command {
  const command = leaf('get', 'print the policy as it was written')
    .option('--version-id <id>', 'an earlier version (see policy history)')
    .action(async ({ versionId }: { versionId?: string }) =>
      against(io, command, async (admin, { format }) => {
        if (versionId !== undefined) {
          const old = await admin.call('policy.version', { version: idOf(versionId) });
          return show(io, format, old, () => old.text);
        }
        const current = await admin.call('policy.get', {});
        if (current.problem !== null) io.err(`warning: ${current.problem}`);
        if (current.version === null) io.err('there is no policy: every machine reaches every other');
        return show(io, format, current, () => current.text);
      }),
    );
  return command;
}

function idOf(text: string): number {
  const id = Number(text);
  if (!Number.isInteger(id) || id < 1)
    throw new RhumbError('bad-argument', `"${text}" is no version of the policy: see policy history`);
  return id;
}

interface SetOptions {
  readonly file?: string;
  readonly force?: boolean;
  readonly comment?: string;
  readonly ifMatch?: string;
}

const changing = ({ force, comment, ifMatch }: SetOptions) => ({
  confirm: force ?? false,
  ...(comment === undefined ? {} : { comment }),
  ...(ifMatch === undefined ? {} : { ifMatch }),
});

const withChanging = (command: Command): Command =>
  command
    .option('--force', 'set it although it shuts you out, or opens everything')
    .option('--comment <text>', 'why, for the history')
    .option('--if-match <etag>', 'only if this is still the one in force');

function setCommand(io: Io): Command {
  const command = withChanging(
    leaf('set', 'put a policy in force; one with errors or failing tests changes nothing'),
  )
    .argument('[policy]', 'the policy file')
    .option(...FILE)
    .action(async (position: string | undefined, options: SetOptions) =>
      against(io, command, async (admin, { format }) => {
        const file = fileOf(position, options);
        const text = readText(file, 'policy');
        const outcome = await admin.call('policy.set', { text, ...changing(options) });
        const version = tellSet(io, file, outcome);
        show(io, format, version, () => `version ${version.id} of the policy is in force`);
      }),
    );
  return command;
}

function rollbackCommand(io: Io): Command {
  const command = withChanging(leaf('rollback', 'put an earlier version in force again, as a new version'))
    .argument('<version>', 'its number in policy history')
    .action(async (position: string, options: SetOptions) =>
      against(io, command, async (admin, { format }) => {
        const version = idOf(position);
        const outcome = await admin.call('policy.rollback', { version, ...changing(options) });
        const made = tellSet(io, `version ${version}`, outcome);
        show(io, format, made, () => `version ${made.id} is in force, with the text of version ${version}`);
      }),
    );
  return command;
}

function historyCommand(io: Io): Command {
  const command = leaf('history', 'show all versions, newest first').action(async () =>
    against(io, command, async (admin, { format }) => {
      const versions = await admin.call('policy.history', {});
      show(io, format, versions, () =>
        table(
          ['Version', 'In force', 'Created', 'By', 'Comment', 'Bytes'],
          versions.map((one) => [
            String(one.id),
            one.active ? 'yes' : '',
            one.created_at ?? '',
            one.author,
            one.comment,
            String(one.bytes),
          ]),
        ),
      );
    }),
  );
  return command;
}

interface DiffOptions {
  readonly file?: string;
  readonly from?: string;
  readonly to?: string;
}

function diffCommand(io: Io): Command {
  const command = leaf('diff', 'compare a file, or a version, with the policy in force')
    .argument('[policy]', 'the policy file')
    .option(...FILE)
    .option('--from <version>', 'instead of the policy in force')
    .option('--to <version>', 'instead of a file')
    .action(async (position: string | undefined, options: DiffOptions) =>
      against(io, command, async (admin, { format }) => {
        const { from, to } = options;
        const file = to === undefined ? fileOf(position, options) : undefined;
        const found = await admin.call('policy.diff', {
          ...(from === undefined ? {} : { from: idOf(from) }),
          ...(to === undefined ? {} : { to: idOf(to) }),
          ...(file === undefined ? {} : { text: readText(file, 'policy') }),
        });
        show(io, format, found, () =>
          found.same
            ? 'no difference'
            : [
                found.patch.trimEnd(),
                ...(found.gained ?? []).map((pair) => `now reaches: ${pair}`),
                ...(found.lost ?? []).map((pair) => `no longer reaches: ${pair}`),
              ].join('\n'),
        );
      }),
    );
  return command;
}

/** A file judged on the server's own network; programs get the judgement whatever it is. */
export async function checkLive(io: Io, admin: Admin, file: string, format: OutputFormat): Promise<void> {
  const judged = await admin.call('policy.check', { text: readText(file, 'policy') });
  if (format !== 'text') io.out(structured(format, judged));
  tellProblems(io, file, judged);
  for (const concern of judged.concerns) io.err(`careful: ${concern}`);
  if (format === 'text') io.out(`${file} is good`);
}

export const explained = (src: string, dst: string, policy: string, found: ExplainJson): string =>
  [
    `${src} -> ${dst}: ${found.verdict}`,
    ...found.rules.map(
      ({ pointer, line: row, column, text }) => `  by ${pointer} at ${policy}:${row}:${column}: ${text}`,
    ),
    ...found.reasons.map((reason) => `  ${reason}`),
    ...(found.enforced_by.length === 0 ? [] : [`  enforced by ${found.enforced_by.join(', ')}`]),
  ].join('\n');

export const liveCommands = (io: Io): readonly Command[] => [
  getCommand(io),
  setCommand(io),
  rollbackCommand(io),
  historyCommand(io),
  diffCommand(io),
];
