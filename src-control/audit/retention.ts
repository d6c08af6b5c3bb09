/** Forgets entries of the audit log that are older than they are to be kept, a few at a time. */
import type { Clock } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { AuditChain } from '../store/store.ts';

const FIRST_MS = 60_000;
const EVERY_MS = 3_600_000;
/** One transaction; what is left goes a moment later, so that savers wait for no more than this. */
const ROWS_AT_ONCE = 1_000;
const PAUSE_MS = 1_000;

/** Starts; the returned function ends it. `keepMs` is asked each time; 0 = for ever. */
export function watchRetention(chain: AuditChain, clock: Clock, log: Log, keepMs: () => number): () => void {
  let isOver = false;
  let cancel: (() => void) | undefined;
  const arm = (ms: number): void => {
    if (!isOver) cancel = clock.after(ms, () => void look());
  };
  const look = async (): Promise<void> => {
    const keep = keepMs();
    if (keep === 0) return arm(EVERY_MS);
    try {
      const forgotten = await chain.prune(clock.now() - keep, ROWS_AT_ONCE);
      if (forgotten > 0) log('info', 'audit.forgotten', { entries: forgotten });
      arm(forgotten === ROWS_AT_ONCE ? PAUSE_MS : EVERY_MS);
    } catch (error) {
      log('warn', 'audit.not-forgotten', { error: toRhumbError(error).message });
      arm(EVERY_MS);
    }
  };
  arm(FIRST_MS);
  return () => {
    isOver = true;
    cancel?.();
  };
}
