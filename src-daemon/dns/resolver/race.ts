/** Asks several servers for one thing: the first good answer wins, refusals count only when nobody does better (§7.5). */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Attempt, Server } from './attempts.ts';
import type { Response } from './response.ts';
import { Rcode } from './wire.ts';

export type Outcome =
  | { readonly kind: 'answer'; readonly response: Response; readonly from: Server }
  /** Everybody failed; `heard` = somebody answered all the same, if only to refuse. */
  | { readonly kind: 'failed'; readonly response: Response | undefined; readonly heard: boolean };

/** Rejects when the server can't be asked or says nothing of use. */
export type Ask = (server: Server, signal: AbortSignal) => Promise<Response>;

/** One for all: making an exception costs more than most of a question. */
const OVER = new RhumbError('unavailable', 'nobody waits for this answer any more');

const isRefusal = ({ rcode }: Response): boolean => rcode === Rcode.ServFail || rcode === Rcode.Refused;

/** Never rejects. When one attempt fails, the next that still waits begins at once: there is nothing left to wait for. */
export function race(
  attempts: readonly Attempt[],
  ask: Ask,
  clock: Clock,
  signal: AbortSignal,
): Promise<Outcome> {
  const ended = new AbortController();
  return new Promise((resolve) => {
    const waiting = new Set<() => void>();
    const refusals: Response[] = [];
    let left = attempts.length;
    const end = (outcome: Outcome): void => {
      signal.removeEventListener('abort', giveUp);
      resolve(outcome);
      ended.abort(OVER);
    };
    const fail = (): void => {
      // SERVFAIL before REFUSED: the first says that a server tried.
      const best = refusals.find(({ rcode }) => rcode === Rcode.ServFail);
      const allRefused = refusals.length === attempts.length;
      const response = best ?? (allRefused ? refusals[0] : undefined);
      end({ kind: 'failed', response, heard: refusals.length > 0 });
    };
    const giveUp = (): void => fail();
    const lost = (): void => {
      left--;
      if (left === 0) fail();
      else if (waiting.size === left) for (const begin of waiting) begin();
    };
    if (left === 0 || signal.aborted) {
      fail();
      return;
    }
    signal.addEventListener('abort', giveUp, { once: true });
    for (const { server, delayMs } of attempts) {
      const begin = (): void => {
        if (!waiting.delete(begin)) return;
        cancel();
        ask(server, ended.signal).then((response) => {
          if (!isRefusal(response)) {
            end({ kind: 'answer', response, from: server });
            return;
          }
          refusals.push(response);
          lost();
        }, lost);
      };
      waiting.add(begin);
      const cancel = delayMs === 0 ? () => undefined : clock.after(delayMs, begin);
      if (delayMs > 0) ended.signal.addEventListener('abort', cancel, { once: true });
    }
    for (const [i, begin] of [...waiting].entries()) if (attempts[i]?.delayMs === 0) begin();
  });
}
