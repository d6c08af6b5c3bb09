/** Runs the tests of the policy in force again when machines or people change: what was good when it was set may not stay so (policy.md §13). */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { type Change, What } from '../../state/changes.ts';
import type { Network } from '../../state/network.ts';
import { TESTS_FAILED } from '../language/read-ssh.ts';
import type { PolicyBook } from './book.ts';

export interface WatchTestsDeps {
  readonly book: Pick<PolicyBook, 'failingTests'>;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  /** Told when tests fail that did not before. */
  readonly failed: (lines: readonly string[]) => void;
}

export interface TestsWatch extends Disposable {
  /** One line for each test that fails. */
  readonly failing: readonly string[];
}

/** Machines and people seldom change one by one. */
const SETTLE_MS = 5_000;
/** A large network with many tests must not be busy with them: so many times what the last run took is rest. */
const REST_PER_RUN = 50;
const RELEVANT = What.Whole | What.Tags | What.Routes | What.Key;

export function watchPolicyTests({ book, network, clock, log, failed }: WatchTestsDeps): TestsWatch {
  let failing: readonly string[] = [];
  let notBefore = 0;
  let cancel: (() => void) | undefined;
  const run = (): void => {
    cancel = undefined;
    const startedAt = clock.monotonic();
    const before = new Set(failing);
    failing = book.failingTests().map(({ message }) => message.slice(TESTS_FAILED.length));
    const endedAt = clock.monotonic();
    notBefore = endedAt + REST_PER_RUN * (endedAt - startedAt);
    const fresh = failing.filter((line) => !before.has(line));
    if (fresh.length > 0) {
      log('warn', 'policy.tests-failing', { tests: fresh });
      failed(fresh);
    } else if (before.size > 0 && failing.length === 0) log('info', 'policy.tests-pass');
  };
  const schedule = (): void => {
    const now = clock.monotonic();
    cancel ??= clock.after(Math.max(SETTLE_MS, notBefore - now), run);
  };
  schedule();
  const unsubscribe = network.subscribe((changes) => {
    if (changes.some(concernsTests)) schedule();
  });
  return {
    get failing() {
      return failing;
    },
    [Symbol.dispose]: () => {
      unsubscribe();
      cancel?.();
    },
  };
}

function concernsTests(change: Change): boolean {
  return change.kind === 'node' ? (change.what & RELEVANT) !== 0 : change.kind !== 'dns';
}
