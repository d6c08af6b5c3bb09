/** The policy of a running server: its versions, the file that it may be, and what is in force over the network. */
import type { Clock } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { PolicyBook } from '../policy/live/book.ts';
import { LivePolicy } from '../policy/live/live-policy.ts';
import { PolicyFile } from '../policy/live/policy-file.ts';
import { type TestsWatch, watchPolicyTests } from '../policy/live/watch-tests.ts';
import type { Meter } from '../state/meter.ts';
import type { Network } from '../state/network.ts';
import type { Config } from './config.ts';

export interface PolicyDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverUrl: string;
  readonly meter?: Meter;
}

export interface WatchedPolicyDeps extends PolicyDeps {
  /** Tests of the policy in force fail that did not before. */
  readonly testsFailed: (lines: readonly string[]) => void;
}

export interface Policy extends AsyncDisposable {
  readonly book: PolicyBook;
  readonly live: LivePolicy;
  readonly tests: TestsWatch;
  /** Reads the file again, where the policy is one. */
  reload(): Promise<void>;
}

/** Also without a server, for commands that work on the state itself. */
export const openPolicyBook = (config: Config, deps: Omit<PolicyDeps, 'meter'>): PolicyBook =>
  new PolicyBook({ ...deps, file: config.policy.file });

export async function openPolicy(config: Config, deps: WatchedPolicyDeps): Promise<Policy> {
  const { network, clock, log, serverUrl, meter } = deps;
  const book = openPolicyBook(config, deps);
  const file = book.file === undefined ? undefined : new PolicyFile(book, book.file);
  await file?.open();
  if (book.problem !== undefined) log('error', 'policy.not-in-force', { problem: book.problem });
  const live = new LivePolicy({
    ...{ network, clock, serverUrl, inForce: book.inForce },
    ...(meter === undefined ? {} : { meter }),
  });
  const tests = watchPolicyTests({ book, network, clock, log, failed: deps.testsFailed });
  const stop = new AbortController();
  const watching = file?.watch(clock, stop.signal).catch((error: unknown) => {
    log('error', 'policy.file-not-watched', { error: toRhumbError(error).message });
  });
  return {
    book,
    live,
    tests,
    reload: async () => file?.reload(),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await watching;
      tests[Symbol.dispose]();
      live[Symbol.dispose]();
    },
  };
}
