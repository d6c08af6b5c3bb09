/** Runs a command to its end, bounded in time, and gives what it said. */
import { spawn } from 'node:child_process';
import { RhumbError } from '#shared/errors.ts';

export interface ExecOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Gives back a failed command's result instead of throwing. */
  readonly mayFail?: boolean;
}

export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 30_000;
const OUTPUT_MAX = 16 << 20;

export function exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const [command = '', ...args] = argv;
  const { promise, resolve, reject } = Promise.withResolvers<ExecResult>();
  const child = spawn(command, args, {
    stdio: 'pipe',
    env: { ...process.env, ...options.env },
    timeout: options.timeoutMs ?? TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      if (said[name].length < OUTPUT_MAX) said[name] += text;
    });
  }
  // A command that ends without reading its input is judged by its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input);
  child.on('error', (error) => reject(new RhumbError('unavailable', `run ${command}: ${error.message}`)));
  child.on('close', (code, signal) => {
    if (code === 0 || (options.mayFail === true && code !== null)) resolve({ code: code ?? -1, ...said });
    else {
      const why = signal === 'SIGKILL' ? 'took too long and was ended' : `exit ${code ?? signal}`;
      const text = `${said.stderr}${said.stdout}`.trim().slice(-2_000);
      reject(new RhumbError('unavailable', `\`${argv.join(' ')}\`: ${why}: ${text}`));
    }
  });
  return promise;
}
