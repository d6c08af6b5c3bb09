/** A long-running program of the lab: started, watched, stopped; what it says is kept and shown when a scenario fails. */
import { type ChildProcess, spawn } from 'node:child_process';
import { RhumbError } from '#shared/errors.ts';
import { RUN_VARIABLE, type Run } from './run.ts';
import { clock, until } from './wait.ts';

export interface SpawnOptions {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Sent by the kernel to the program when the lab dies. */
  readonly onDeath?: 'SIGKILL' | 'SIGTERM';
}

export interface Exit {
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

/** The end of a program's output is what matters; the rest of a chatty one is dropped. */
const OUTPUT_MAX = 4 << 20;
const STOP_GRACE_MS = 5_000;

export class LabProcess implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<Exit>;
  #exit: Exit | undefined;
  #output = '';

  constructor(run: Run, options: SpawnOptions) {
    this.name = options.name;
    const [command = '', ...args] = options.argv;
    this.#child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A Ctrl-C at the terminal is for the lab alone, which ends its programs in order.
      detached: true,
      env: { ...process.env, ...options.env, [RUN_VARIABLE]: run.id },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_MAX);
      });
    }
    const { promise, resolve } = Promise.withResolvers<Exit>();
    this.#ended = promise;
    this.#child.on('error', (error) => {
      this.#output += `cannot start: ${error.message}\n`;
      this.#exit ??= { code: undefined, signal: 'ENOENT' };
      resolve(this.#exit);
    });
    this.#child.on('close', (code, signal) => {
      this.#exit ??= { code: code ?? undefined, signal: signal ?? undefined };
      resolve(this.#exit);
    });
  }

  get pid(): number {
    const pid = this.#child.pid;
    if (pid === undefined) throw new RhumbError('unavailable', `${this.name} did not start: ${this.#output}`);
    return pid;
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** Everything it wrote, both streams in the order of arrival. */
  get output(): string {
    return this.#output;
  }

  /** Resolves when it has ended; rejects when that takes longer than `timeoutMs`. */
  async ended(timeoutMs = 15_000): Promise<Exit> {
    return await until(`${this.name} to end`, () => this.#exit, { timeoutMs, everyMs: 10 });
  }

  /** Waits until it has written something that matches; fails at once when it ends without. */
  async says(pattern: RegExp, timeoutMs = 15_000): Promise<RegExpExecArray> {
    const found = await until(
      `${this.name} to say ${pattern}`,
      () => {
        const match = pattern.exec(this.#output);
        if (match !== null) return match;
        return this.#exit === undefined ? undefined : this.#exit;
      },
      { timeoutMs, everyMs: 15 },
    );
    if (Array.isArray(found)) return found;
    throw new RhumbError('unavailable', `${this.name} ended before it said ${pattern}: ${this.tail(20)}`);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }

  /** SIGTERM, and SIGKILL when that is not enough. */
  async stop(graceMs = STOP_GRACE_MS): Promise<Exit> {
    this.signal('SIGTERM');
    const cancel = clock.after(graceMs, () => this.signal('SIGKILL'));
    const exit = await this.#ended;
    cancel();
    return exit;
  }

  /** `kill -9`, as a power cut for one program. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }

  tail(lines: number): string {
    return this.#output.trimEnd().split('\n').slice(-lines).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
