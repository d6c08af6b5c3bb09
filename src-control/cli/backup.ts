/** `backup`, `export`, `import`, `doctor`, `migrate`: the state as a whole. */
import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { RhumbError } from '#shared/errors.ts';
import { type BackupFacts, restoreBackup, verifyBackup } from '../backup/files.ts';
import { importState } from '../backup/state-json.ts';
import { openSqliteStore, planMigration } from '../store/sqlite.ts';
import { begin, refuseRunning, writeNew } from './begin-state.ts';
import { against, group, leaf } from './command.ts';
import { configFor, type Io, readGlobals, show } from './context.ts';
import { headscaleCommand } from './import-headscale.ts';
import { table } from './print.ts';

const MAX_STATE = 1 << 30;

export function backupCommand(io: Io): Command {
  const create = leaf('create', 'copy the database while the server runs, and check the copy').argument(
    '[file]',
    'where to; without it the folder of backups',
  );
  create.action((file: string | undefined) =>
    against(io, create, async (admin, { format }) => {
      const made = await admin.call('backup.create', file === undefined ? {} : { file: resolve(file) });
      show(
        io,
        format,
        made,
        () => `${made.file}: ${made.users} users, ${made.nodes} machines, ${made.bytes} bytes`,
      );
    }),
  );
  const list = leaf('list', 'show the backups of the server').alias('ls');
  list.action(() =>
    against(io, list, async (admin, { format }) => {
      const found = await admin.call('backup.list', {});
      show(io, format, found, () => found.files.map((name) => join(found.folder, name)).join('\n') || 'none');
    }),
  );
  const verify = leaf('verify', 'find out whether a backup could be put back').argument('<file>');
  verify.action((file: string) => {
    const facts = verifyBackup(resolve(file));
    show(io, readGlobals(verify).format, facts, () => `${file} is good: ${summary(facts)}`);
  });
  const restore = leaf('restore', 'put a backup in the place of the state; the server must not run').argument(
    '<file>',
  );
  restore.action(async (file: string) => {
    const globals = readGlobals(restore);
    const config = configFor(globals);
    await refuseRunning(config);
    const { facts, before } = await restoreBackup(config.stateDir, resolve(file), io.clock.now());
    show(io, globals.format, { ...facts, before: before ?? null }, () =>
      [
        `restored: ${summary(facts)}`,
        ...(before === undefined ? [] : [`what was there before is ${before}`]),
      ].join('\n'),
    );
  });
  return group('backup', 'copies of the database')
    .addCommand(create)
    .addCommand(list)
    .addCommand(verify)
    .addCommand(restore);
}

const summary = (facts: BackupFacts): string =>
  `${facts.users} users, ${facts.nodes} machines, ${facts.auditEntries} entries of the audit log`;

export function exportCommand(io: Io): Command {
  const command = leaf('export', 'write the whole state as JSON, to a file or to the standard output')
    .argument('[file]')
    .option('--with-secrets', 'also keys and hashes, without which machines must sign in anew', false);
  command.action((file: string | undefined, { withSecrets }: { withSecrets: boolean }) =>
    against(io, command, async (admin) => {
      if (withSecrets && file === undefined)
        throw new RhumbError('bad-argument', 'with secrets only into a file: name it');
      const text = `${JSON.stringify(await admin.call('state.export', { withSecrets }), null, 2)}\n`;
      if (file === undefined) io.out(text.trimEnd());
      else writeNew(file, text);
    }),
  );
  return command;
}

export function importCommand(io: Io): Command {
  const command = leaf('import', 'begin a state with what export wrote')
    .argument('<file>')
    .option('--dry-run', 'only say what it would come to', false);
  command.addCommand(headscaleCommand(io, command));
  command.action(async (file: string, { dryRun }: { dryRun: boolean }) => {
    const globals = readGlobals(command);
    const config = configFor(globals);
    const state = importState(readState(file));
    if (!dryRun) await begin(config, io, state);
    show(io, globals.format, { counts: state.counts, left: state.left, dryRun }, () =>
      [
        table(
          ['Kind', dryRun ? 'Would be imported' : 'Imported'],
          Object.entries(state.counts).map(([kind, count]) => [kind, String(count)]),
        ),
        ...state.left,
      ].join('\n'),
    );
  });
  return command;
}

function readState(file: string): unknown {
  try {
    if (statSync(file).size > MAX_STATE) throw new Error('it is too large');
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `can't read ${file}: ${why}`, { cause });
  }
}

export function doctorCommand(io: Io): Command {
  const command = leaf('doctor', 'find out whether the state is sound, and what to do where it is not');
  command.action(() =>
    against(io, command, async (admin, { format }) => {
      const { ok, findings } = await admin.call('doctor', {});
      show(io, format, { ok, findings }, () =>
        findings.length === 0
          ? 'nothing is wrong'
          : table(
              ['', 'About', 'What'],
              findings.map(({ level, subject, text }) => [level, subject, text]),
            ),
      );
      if (!ok) throw new RhumbError('internal', 'something is wrong with the state: see above');
    }),
  );
  return command;
}

export function migrateCommand(io: Io): Command {
  const command = leaf('migrate', 'bring the database to this program’s version; serve does it too').option(
    '--dry-run',
    'do it to a copy, and say what it was',
    false,
  );
  command.action(async ({ dryRun }: { dryRun: boolean }) => {
    const globals = readGlobals(command);
    const { stateDir } = configFor(globals);
    const plan = await planMigration(stateDir, io.clock.now());
    if (!dryRun) await (await openSqliteStore(stateDir, io.clock.now()))[Symbol.asyncDispose]();
    show(io, globals.format, { ...plan, dryRun }, () =>
      plan.steps.length === 0
        ? `the database has version ${plan.to} already`
        : [
            `${dryRun ? 'would go' : 'went'} from version ${plan.from} to ${plan.to}:`,
            ...plan.steps.map((step) => `  ${step.version}: ${step.name}`),
          ].join('\n'),
    );
  });
  return command;
}
