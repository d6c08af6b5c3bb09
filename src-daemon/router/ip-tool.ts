/** Runs iproute2's `ip`: the one process that the Linux router needs. */
import { spawn } from 'node:child_process';
import { RhumbError } from '#shared/errors.ts';

export interface IpResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Resolves whatever `ip` says; rejects only when it could not run to its end. */
export type IpTool = (args: readonly string[], input?: string) => Promise<IpResult>;

/** Ten thousand routes take about a second; a held kernel lock may add some. */
const TIMEOUT_MS = 30_000;
/** 64 MiB: `ip -j route` of a hundred thousand routes is a tenth of it. */
const MAX_OUTPUT = 64 * 1_024 * 1_024;

export const systemIp: IpTool = (args, input = '') =>
  new Promise((resolve, reject) => {
    const command = `ip ${args.join(' ')}`;
    const child = spawn('ip', [...args], {
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
      const isMissing = (cause as { code?: unknown }).code === 'ENOENT';
      const what = isMissing ? 'the program ip is missing: install iproute2' : `${command}: ${cause.message}`;
      reject(new RhumbError('unavailable', what, { cause }));
    });
    child.on('close', (code, signal) => {
      if (code === null)
        reject(new RhumbError('timeout', `${command} was stopped (${signal}): it did not end by itself`));
      else resolve({ code, ...read });
    });
    // Ends early when `ip` gives up before it has read all; what it said comes with 'close'.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
