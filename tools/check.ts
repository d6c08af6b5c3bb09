/** `npm run check`: format, lint, types, the tree's own tests, unused code; all at once, and only failures are shown. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';

interface Step {
  readonly name: string;
  /** Of our own Node, unless `program` names another. */
  readonly argv: readonly string[];
  readonly program?: string;
  readonly folder?: string;
}

const root = join(import.meta.dirname, '..');
const tool = (path: string): string => join(root, 'node_modules', path);

const inPath = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

const cargo = (name: string, ...argv: string[]): Step => ({
  name: `native engine: ${name}`,
  program: 'cargo',
  argv,
  folder: join(root, 'native'),
});

/** cargo takes one of these at a time by itself. */
function nativeSteps(): Step[] {
  if (!inPath('cargo')) {
    console.log('no Rust toolchain here: the native engine is not checked');
    return [];
  }
  const all = [
    cargo('format', 'fmt', '--check'),
    cargo('lint', 'clippy', '--locked', '--all-targets', '--all-features', '--quiet', '--', '-D', 'warnings'),
    cargo(
      'lint of fuzz targets',
      ...['clippy', '--manifest-path', 'fuzz/Cargo.toml', '--target-dir', 'target', '--locked', '--quiet'],
      ...['--', '-D', 'warnings'],
    ),
    cargo('tests', 'test', '--locked', '--quiet'),
  ];
  if (inPath('cargo-deny')) all.push(cargo('dependencies', 'deny', '--locked', 'check'));
  else console.log('no cargo-deny here: dependencies of the native engine are not checked');
  return all;
}

const steps: readonly Step[] = [
  ...nativeSteps(),
  { name: 'types', argv: [tool('typescript/bin/tsc'), '-p', '.'] },
  { name: 'types of the renderer', argv: [tool('typescript/bin/tsc'), '-p', 'tsconfig.renderer.json'] },
  {
    name: 'types of the renderer’s tests',
    argv: [tool('typescript/bin/tsc'), '-p', 'tsconfig.renderer.test.json'],
  },
  {
    name: 'format and lint',
    argv: [tool('@biomejs/biome/bin/biome'), 'ci', '--error-on-warnings', '--colors=off', '.'],
  },
  { name: 'size of the app’s page', argv: [join(root, 'tools/bundle-size.ts')] },
  { name: 'unused code', argv: [tool('knip/bin/knip.js'), '--no-progress'] },
  {
    name: 'the tree: layers, headers, licences',
    argv: [tool('vitest/vitest.mjs'), 'run', '--project', 'arch', '--reporter', 'dot'],
  },
];

/** What failed is read in logs as often as on a terminal. */
const env = { ...process.env, NO_COLOR: '1' };

/** Runs a step; resolves to what it said when it failed. */
function run({ argv, program = process.execPath, folder = root }: Step): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const child = spawn(program, argv, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  child.on('error', (error) => resolve(error.message));
  child.on('close', (code) => resolve(code === 0 ? undefined : said));
  return promise;
}

const waiting = [...steps];
let failed = 0;

async function worker(): Promise<void> {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    const trouble = await run(step);
    if (trouble === undefined) continue;
    failed += 1;
    console.log(`--- ${step.name}\n${trouble.trim()}\n`);
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, worker));
console.log(`${steps.length - failed} of ${steps.length} checks passed`);
process.exitCode = failed === 0 ? 0 : 1;
