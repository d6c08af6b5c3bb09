/** Runs one of the system's network programs to its end: `ip`, `nft`, `iptables` and their kin. */
import { spawn } from 'node:child_process';
import { RhumbError } from '#shared/errors.ts';

export interface ToolResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Of the process, by which the kernel names who made a change. */
  readonly pid?: number | undefined;
}

/** Resolves whatever the program says; rejects only when it could not run to its end. */
export type Tool = (args: readonly string[], input?: string) => Promise<ToolResult>;

/** Ten thousand routes take about a second; a held kernel lock may add some. */
const TIMEOUT_MS = 30_000;
/** 64 MiB: `ip -j route` of a hundred thousand routes is a tenth of it. */
const MAX_OUTPUT = 64 * 1_024 * 1_024;

/** `inside` is the name of the Debian package, for who lacks it. */
export const systemTool =
  (program: string, inside: string): Tool =>
  (args, input = '') =>
    new Promise((resolve, reject) => {
      const command = [program, ...args].join(' ');
      const child = spawn(program, [...args], {
        env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
        timeout: TIMEOUT_MS,
        killSignal: 'SIGKILL',
      });
      const read = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const) {
        child[name].setEncoding('utf8');
        child[name].on('data', (text: string) => {
          if (read[name].length + text.length > MAX_OUTPUT) child.kill('SIGKILL');
          else read[name] += text;
        });
      }
      child.on('error', (cause) => {
        const missing = (cause as { code?: unknown }).code === 'ENOENT';
        const what = missing
          ? `the program ${program} is missing: install ${inside}`
          : `${command}: ${cause.message}`;
        reject(new RhumbError(missing ? 'not-found' : 'unavailable', what, { cause }));
      });
      child.on('close', (code, signal) => {
        if (code === null)
          reject(new RhumbError('timeout', `${command} was stopped (${signal}): it did not end by itself`));
        else resolve({ code, ...read, pid: child.pid });
      });
      // Ends early when the program gives up before it has read all; what it said comes with 'close'.
      child.stdin.on('error', () => undefined);
      child.stdin.end(input);
    });

/** What it printed; throws with the command and its last words when it failed. */
export function must(result: ToolResult, command: string): string {
  if (result.code === 0) return result.stdout;
  throw refused(command, result.stderr.trim() || `exit status ${result.code}`);
}

export function refused(command: string, reason: string): RhumbError {
  if (/Operation not permitted|Permission denied \(you must be root\)/.test(reason))
    return new RhumbError(
      'not-allowed',
      `${command}: not permitted; run rhumbd as root or with CAP_NET_ADMIN`,
    );
  return new RhumbError('unavailable', `${command}: ${reason}`);
}

/** The program can't be started because there is none. */
export const isMissing = (error: unknown): boolean =>
  error instanceof RhumbError && error.code === 'not-found';
