/** `import headscale`: a Headscale network goes on here, with its machines as they are. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { Command } from 'commander';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { parsePrivateKey } from '#shared/key/key.ts';
import { type ImportPlan, planImport } from '../backup/headscale/import.ts';
import { readHeadscale } from '../backup/headscale/rows.ts';
import { readHeadscaleConfig } from '../server/config-schema.ts';
import type { HeadscaleSource } from '../server/headscale/read.ts';
import { issuersOf } from '../server/oidc-config.ts';
import { begin } from './begin-state.ts';
import { configFor, type Io, readGlobals, show } from './context.ts';
import { table } from './print.ts';

const MAX_TEXT = 4 << 20;

const options = z.object({
  db: z.string().optional(),
  noiseKey: z.string().optional(),
  policy: z.string().optional(),
  dryRun: z.boolean().default(false),
});

/** Takes the options of the `import` above it, wherever they stand. */
export function headscaleCommand(io: Io, above: Command): Command {
  const command = new Command('headscale')
    .description('begin a state with a Headscale database (SQLite, 0.26 or later)')
    .option('--db <file>', 'its database; stop Headscale before the import that counts')
    .option('--noise-key <file>', 'its noise_private.key: with it machines stay logged in')
    .option('--policy <file>', 'its policy, where that is not in the database')
    .addHelpText('after', '\nWith --config FILE, its configuration, all three are taken from there.');
  return command.action(async () => {
    const given = options.parse({ ...above.opts(), ...command.opts() });
    const { dryRun } = given;
    const globals = readGlobals(above);
    const source = sourceOf(given, readHeadscaleConfig(globals.configFile)?.source);
    const rows = readHeadscale(source.db);
    const plan = planImport({
      rows: source.withoutPolicy ? { ...rows, policy: undefined } : rows,
      policy: source.policy === undefined ? undefined : readText(source.policy),
      noiseKey: source.noiseKey === undefined ? undefined : readKey(source.noiseKey, 'Noise'),
      nowMs: io.clock.now(),
      issuers: issuersOf(configFor(globals).oidc),
    });
    if (!dryRun) await begin(configFor(globals), io, { writes: plan.writes, files: source.files });
    show(io, globals.format, { ...plan.report, dryRun }, () => reportText(plan, dryRun));
  });
}

interface Source {
  readonly db: string;
  readonly noiseKey: string | undefined;
  readonly policy: string | undefined;
  /** What the database holds of it was not in force there. */
  readonly withoutPolicy: boolean;
  /** By their names in the state directory. */
  readonly files: Readonly<Record<string, string>>;
}

/** What is said on the command line goes over what the configuration names. */
function sourceOf(given: z.output<typeof options>, config: HeadscaleSource | undefined): Source {
  const db = given.db ?? config?.database;
  if (db === undefined)
    throw new RhumbError(
      'bad-argument',
      config === undefined
        ? 'say which database: --db FILE, or --config with the configuration of Headscale'
        : 'the configuration names no SQLite database: say --db FILE',
    );
  return {
    db,
    noiseKey: given.noiseKey ?? config?.noiseKey,
    policy: given.policy ?? (config?.policy.kind === 'file' ? config.policy.path : undefined),
    withoutPolicy: given.policy === undefined && config?.policy.kind === 'none',
    files: relayKey(config?.relayKey),
  };
}

/** As the relay keeps it. There is none where no relay ever ran. */
function relayKey(file: string | undefined): Source['files'] {
  if (file === undefined || !existsSync(file)) return {};
  return { 'relay.key': `${JSON.stringify({ PrivateKey: readKey(file, 'relay') }, null, '\t')}\n` };
}

function readText(file: string): string {
  try {
    if (statSync(file).size > MAX_TEXT) throw new Error('it is too large');
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `can't read ${file}: ${why}`, { cause });
  }
}

function readKey(file: string, what: 'Noise' | 'relay'): string {
  const text = readText(file).trim();
  try {
    parsePrivateKey(text);
  } catch (cause) {
    throw new RhumbError('bad-argument', `${file} is no ${what} key: it begins with privkey:`, { cause });
  }
  return text;
}

function reportText({ report }: ImportPlan, dryRun: boolean): string {
  const counts = Object.entries(report.imported).map(([what, count]) => [what, String(count)]);
  return [
    table(['', dryRun ? 'Would be imported' : 'Imported'], counts),
    ...report.changed.map((text) => `changed: ${text}`),
    ...report.skipped.map((text) => `skipped: ${text}`),
  ].join('\n');
}
