/** What commands may touch of the world, handed in so that tests can hand in their own. */
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { LocalApi } from '#shared/node/localapi-client.ts';
import type { OpenProbes } from '#shared/probing/probes.ts';
import type { Command, Flag } from './spec.ts';

export interface Context {
  readonly api: LocalApi;
  /** Where the daemon is. */
  readonly socketPath: string;
  /** The whole command line, for those who complete or document it. */
  readonly commands: readonly Command[];
  readonly rootFlags: readonly Flag[];
  readonly clock: Clock;
  /** Writes to standard output and standard error; both mask keys and drop control characters. */
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** As Node names it: `linux`, `darwin`, `win32`. */
  readonly platform: string;
  /** Addresses of a host by the operating system's resolver. */
  readonly lookup: (host: string) => Promise<readonly string[]>;
  readonly readFile: (path: string) => Promise<string>;
  /** Replaces the file in one step; `mode` is that of a new file. */
  readonly writeFile: (path: string, content: string, mode: number) => Promise<void>;
  /** The streams themselves, for `nc` and what is no text: nothing is masked there. */
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly isRoot: boolean;
  /** Opens a page in the user's browser; false when there is none. */
  readonly openUrl: (url: string) => Promise<boolean>;
  /** Addresses of this machine's interfaces, canonical. */
  readonly localIps: () => readonly string[];
  /** Asks on the terminal; false when there is none. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** The network that `netcheck` looks at. */
  readonly openProbes: OpenProbes;
  readonly signal: AbortSignal;
}

/** Runs `fn` with a signal that aborts after `ms`; tells a timeout from other failures by giving undefined. */
export async function withTimeout<T>(
  context: Context,
  ms: number,
  fn: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const controller = new AbortController();
  const signal = AbortSignal.any([context.signal, controller.signal]);
  const cancel = context.clock.after(ms, () =>
    controller.abort(new RhumbError('timeout', `no answer within ${ms} ms`)),
  );
  try {
    return await fn(signal);
  } catch (error) {
    if (controller.signal.aborted && error === controller.signal.reason) return undefined;
    throw error;
  } finally {
    cancel();
  }
}
