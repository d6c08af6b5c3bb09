/** Which of two ways to a control server is tried when: plain HTTP with a head start, TLS beside it (control-protocol.md §3.2). */
import type { Clock } from '../async/clock.ts';
import { RhumbError } from '../errors.ts';
import type { DialPorts } from '../noise/dial-ports.ts';

export type Via = 'http' | 'https';

/** A connection that must be closed when it is not the one that is used. */
export interface Raced {
  close(): void;
}

export interface DialRace<T extends Raced> {
  readonly ports: Pick<DialPorts, 'plain' | 'tls'>;
  /** The scheme that the user gave: its failure is the one to report. */
  readonly asked: Via;
  /** Try TLS alone at first: the last connection over plain HTTP did not last. */
  readonly preferTls: boolean;
  readonly clock: Clock;
  readonly attempt: (via: Via, port: number, signal: AbortSignal) => Promise<T>;
}

/** How long plain HTTP may take before TLS is tried beside it. */
const TLS_DELAY_MS = 500;

/** The first complete handshake; the loser is cancelled, or closed when it finished all the same. */
export async function raceDial<T extends Raced>(race: DialRace<T>, signal: AbortSignal): Promise<T> {
  const { ports, asked, attempt } = race;
  const tlsPort = ports.tls;
  if (tlsPort === undefined) return attempt('http', ports.plain, signal);
  const loser = new AbortController();
  const both = AbortSignal.any([signal, loser.signal]);
  const tls = (): Promise<T> => attempt('https', tlsPort, both);
  const plain = (): Promise<T> => attempt('http', ports.plain, both);
  // Some servers have no TLS at all, whatever the port table says: then plain HTTP is still worth a try.
  const attempts = race.preferTls
    ? startBoth(tls, plain, undefined, both)
    : startBoth(plain, tls, race.clock.sleep(TLS_DELAY_MS, both), both);
  try {
    return closeOthers(await Promise.any(attempts), attempts);
  } catch (error) {
    const failures = error instanceof AggregateError ? error.errors : [error];
    // What the user asked for is what they want to hear about.
    throw failures[(asked === 'https') === race.preferTls ? 0 : 1] ?? error;
  } finally {
    loser.abort();
  }
}

/** The second begins when the first fails, or after its head start if it has one. */
function startBoth<T>(
  first: () => Promise<T>,
  second: () => Promise<T>,
  headStart: Promise<void> | undefined,
  signal: AbortSignal,
): readonly Promise<T>[] {
  const one = first();
  const won = one.then(
    () => true,
    () => false,
  );
  const waited = headStart === undefined ? [] : [headStart.then(() => false)];
  const two = Promise.race([won, ...waited]).then((isWon) => {
    signal.throwIfAborted();
    if (isWon) throw new RhumbError('conflict', 'the other way was there first');
    return second();
  });
  return [one, two];
}

function closeOthers<T extends Raced>(winner: T, attempts: readonly Promise<T>[]): T {
  for (const attempt of attempts)
    attempt.then(
      (done) => {
        if (done !== winner) done.close();
      },
      // It lost, or was cancelled because of that.
      () => undefined,
    );
  return winner;
}
