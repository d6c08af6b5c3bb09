/** Runs a program of the system to its end: what it is given, what it said, bounded in time and size, files for everybody. */
import { spawn } from 'node:child_process';
import { RhumbError } from '#shared/errors.ts';

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly input?: string;
  readonly folder?: string;
}

/** Resolves whatever the program says; rejects when it is not there or does not end. */
export type RunProgram = (argv: readonly string[], options?: ProgramOptions) => Promise<ProgramResult>;

/** resolvconf runs the scripts of other packages. */
const TIMEOUT_MS = 10_000;
const MAX_OUTPUT = 1 << 20;
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
/** The service's mask keeps its files to itself; what resolvconf writes is for everybody to read. */
const FOR_EVERYBODY = ['/bin/sh', '-c', 'umask 022 && exec "$@"', 'sh'] as const;
/** What the shell ends with when there is no such program (POSIX, "Exit Status for Commands"). */
const NOT_FOUND = 127;

export const runProgram: RunProgram = (argv, { input = '', folder } = {}) =>
  new Promise((resolve, reject) => {
    const [shell, ...before] = FOR_EVERYBODY;
    const [program = ''] = argv;
    const child = spawn(shell, [...before, ...argv], {
      cwd: folder ?? '/',
      env: { PATH: process.env['PATH'] ?? PATH, LC_ALL: 'C' },
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (said[name].length < MAX_OUTPUT) said[name] += text;
      });
    child.on('error', (cause) =>
      reject(new RhumbError('unavailable', `${program}: ${cause.message}`, { cause })),
    );
    child.on('close', (code, signal) => {
      if (code === null)
        reject(new RhumbError('timeout', `${program} was stopped (${signal}): it did not end by itself`));
      else if (code === NOT_FOUND) reject(new RhumbError('not-found', `the program ${program} is missing`));
      else resolve({ code, ...said });
    });
    // Some end without reading; what they said comes with 'close'.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });

/** What it said; a failure is an error with its words. */
export async function mustRun(
  run: RunProgram,
  argv: readonly string[],
  options?: ProgramOptions,
): Promise<string> {
  const { code, stdout, stderr } = await run(argv, options);
  if (code !== 0) throw failed(argv, code, stderr);
  return stdout;
}

export const failed = (argv: readonly string[], code: number, stderr: string): RhumbError =>
  new RhumbError('unavailable', `${argv.join(' ')}: ${stderr.trim().slice(0, 500) || `exit status ${code}`}`);
