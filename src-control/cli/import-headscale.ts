/** `import headscale`: a Headscale network goes on here, with its machines as they are. */
import { readFileSync, statSync } from 'node:fs';
import { Command } from 'commander';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { parsePrivateKey } from '#shared/key/key.ts';
import { type ImportPlan, planImport } from '../backup/headscale/import.ts';
import { readHeadscale } from '../backup/headscale/rows.ts';
import { begin } from './begin-state.ts';
import { configFor, type Io, readGlobals, show } from './context.ts';
import { table } from './print.ts';

const MAX_TEXT = 4 << 20;

const options = z.object({
  db: z.string(),
  noiseKey: z.string().optional(),
  policy: z.string().optional(),
  dryRun: z.boolean().default(false),
});

/** Takes the options of the `import` above it, wherever they stand. */
export function headscaleCommand(io: Io, above: Command): Command {
  const command = new Command('headscale')
    .description('begin a state with a Headscale database (SQLite, 0.26 or later)')
    .requiredOption('--db <file>', 'its database; stop Headscale before the import that counts')
    .option('--noise-key <file>', 'its noise_private.key: with it machines stay logged in')
    .option('--policy <file>', 'its policy, where that is not in the database');
  return command.action(async () => {
    const { db, noiseKey, policy, dryRun } = options.parse({ ...above.opts(), ...command.opts() });
    const globals = readGlobals(above);
    const plan = planImport({
      rows: readHeadscale(db),
      policy: policy === undefined ? undefined : readText(policy),
      noiseKey: noiseKey === undefined ? undefined : readNoiseKey(noiseKey),
      nowMs: io.clock.now(),
    });
    if (!dryRun) await begin(configFor(globals), io, { writes: plan.writes, files: {} });
    show(io, globals.format, { ...plan.report, dryRun }, () => reportText(plan, dryRun));
  });
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

function readNoiseKey(file: string): string {
  const text = readText(file).trim();
  try {
    parsePrivateKey(text);
  } catch (cause) {
    throw new RhumbError('bad-argument', `${file} is no Noise key: it begins with privkey:`, { cause });
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
