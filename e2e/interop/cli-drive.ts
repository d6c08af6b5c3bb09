/** Asks a daemon by one command line what `cli-steps.ts` lists, beside the other command line, and keeps a table. */
import { appendFileSync } from 'node:fs';
import type { ExecOptions, ExecResult } from '../lab/exec.ts';
import { clock } from '../lab/wait.ts';
import { STEPS, type Step, type StepWorld } from './cli-steps.ts';

export type Cli = (args: readonly string[], options: ExecOptions) => Promise<ExecResult>;

export interface Driven {
  readonly title: string;
  /** The one that is tested, and the one that is known to fit the daemon. */
  readonly tested: Cli;
  readonly other: Cli;
  readonly world: StepWorld;
  /** What is known only once it is logged in. */
  readonly afterLogin: () => Promise<Partial<StepWorld>>;
}

interface Row {
  readonly step: string;
  readonly fits: boolean;
  readonly note: string;
}

/** Names of steps that did not say what they should, with what they said instead. */
export async function drive(driven: Driven): Promise<readonly string[]> {
  const rows: Row[] = [];
  let { world } = driven;
  for (const [part, steps] of STEPS.entries()) {
    if (part === 1) world = { ...world, ...(await driven.afterLogin()) };
    for (const step of steps) rows.push(await one(driven, step, world));
  }
  writeTable(driven.title, rows);
  return rows.filter(({ fits }) => !fits).map(({ step, note }) => `${step}: ${note}`);
}

async function one({ tested, other }: Driven, step: Step, world: StepWorld): Promise<Row> {
  const args = step.args(world);
  const options: ExecOptions = {
    mayFail: true,
    timeoutMs: 40_000,
    ...(step.input !== undefined && { input: step.input }),
  };
  const began = clock.monotonic();
  const said = await tested(args, options);
  const text = textOf(said);
  const { code = 0 } = step;
  if (said.code !== code)
    return { step: step.name, fits: false, note: `exit ${said.code}, not ${code}: ${text}` };
  if (!step.want(world).test(text))
    return {
      step: step.name,
      fits: false,
      note: `said ${JSON.stringify(text)} after ${Math.round(clock.monotonic() - began)} ms`,
    };
  if (step.changes === true) return { step: step.name, fits: true, note: 'does and says the same' };
  return { step: step.name, fits: true, note: compare(step, said, await other(args, options)) };
}

/** Without what tells only that both programs are of different versions, and what says which request is made. */
const textOf = ({ stdout, stderr }: ExecResult): string =>
  `${stdout}${stderr}`
    .replace(/^Warning: client version .*\n/gm, '')
    .replace(/^# doing request .*\n/gm, '')
    .replace(/^# reading .*\n/gm, '');

/** Names that each has for itself. */
const neutral = (text: string): string =>
  text.replaceAll(/\b(?:tailscale|rhumb)\b/g, 'PROGRAM').replaceAll(/\b(?:Tailscale|Rhumb)\b/g, 'PROGRAM');

function compare(step: Step, said: ExecResult, theirs: ExecResult): string {
  if (theirs.code !== said.code) return `the other exits with ${theirs.code}: ${textOf(theirs)}`;
  const [ours, other] = [neutral(textOf(said)), neutral(textOf(theirs))];
  if (ours === other) return 'the same, byte for byte';
  const keys = jsonKeys(said.stdout);
  const otherKeys = jsonKeys(theirs.stdout);
  if (keys !== undefined && otherKeys !== undefined) {
    const lacks = [...otherKeys].filter((key) => !keys.has(key));
    const more = [...keys].filter((key) => !otherKeys.has(key));
    if (lacks.length + more.length === 0) return 'the same keys, values of the moment';
    return `keys it lacks: ${lacks.join(' ') || '-'}; it alone has: ${more.join(' ') || '-'}`;
  }
  return step.words === 'own'
    ? 'the same form, own words or figures of the moment'
    : `the other says ${JSON.stringify(textOf(theirs))}`;
}

/** Paths of all keys in JSON, with names of machines and numbers left out; undefined for no JSON. */
function jsonKeys(text: string): ReadonlySet<string> | undefined {
  const found = new Set<string>();
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, item] of Object.entries(value)) {
      const name = Array.isArray(value) || /^(?:\d+|nodekey:.*|.*:\d+)$/.test(key) ? '*' : key;
      found.add(`${path}.${name}`);
      walk(item, `${path}.${name}`);
    }
  };
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== 'object' || json === null) return undefined;
    walk(json, '');
    return found;
  } catch {
    return undefined;
  }
}

/** Into the file that RHUMB_CLI_TABLE names. */
function writeTable(title: string, rows: readonly Row[]): void {
  const path = process.env['RHUMB_CLI_TABLE'];
  if (path === undefined || path === '') return;
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', '\\n').slice(0, 300);
  const lines = rows.map(
    ({ step, fits, note }) => `| \`${step}\` | ${fits ? 'yes' : '**no**'} | ${cell(note)} |`,
  );
  const fitting = rows.filter(({ fits }) => fits).length;
  appendFileSync(
    path,
    `\n## ${title}\n\n${fitting} of ${rows.length} fit.\n\n| command | fits | |\n|---|---|---|\n${lines.join('\n')}\n`,
  );
}
