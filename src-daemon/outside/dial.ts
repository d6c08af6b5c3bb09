/** TCP to a name or address outside the tunnel: its addresses in turn, families mixed, the first connection wins (RFC 8305). */
import type { Socket } from 'node:net';
import type { Clock } from '#shared/async/clock.ts';
import type { OutsideNames } from './names.ts';
import type { OutsideSockets } from './sockets.ts';

export interface DialDeps {
  readonly clock: Clock;
  readonly names: Pick<OutsideNames, 'resolve'>;
  readonly sockets: OutsideSockets;
}

export interface DialTarget {
  readonly host: string;
  readonly port: number;
  /** An address of ours to connect from; only addresses of its family are tried. */
  readonly from?: string | undefined;
}

export type Dial = (target: DialTarget, signal: AbortSignal) => Promise<Socket>;

/** RFC 8305 §5, "Connection Attempt Delay". */
const STAGGER_MS = 250;
const MAX_ADDRESSES = 8;

/** Rejects with the first failure, which is a system error as of `net.connect`, or with the signal's reason. */
export const outsideDial =
  ({ clock, names, sockets }: DialDeps): Dial =>
  async ({ host, port, from }, signal) => {
    signal.throwIfAborted();
    const family = from === undefined ? undefined : from.includes(':') ? 6 : 4;
    const addresses = mixed(await names.resolve(host, family)).slice(0, MAX_ADDRESSES);
    signal.throwIfAborted();
    const over = new AbortController();
    const inner = AbortSignal.any([signal, over.signal]);
    const attempts: Promise<Socket>[] = [];
    let turn: Promise<unknown> = Promise.resolve();
    for (const ip of addresses) {
      const attempt = turn.then(() => sockets.connectTcp({ host: ip, port, from }, inner));
      attempts.push(attempt);
      const failed = attempt.then(
        () => new Promise<never>(() => undefined),
        () => undefined,
      );
      const waited = turn.then(() => clock.sleep(STAGGER_MS, inner)).catch(() => undefined); // over anyhow
      turn = Promise.race([failed, waited]);
    }
    try {
      const winner = await Promise.any(attempts);
      closeOthers(winner, attempts);
      return winner;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw error instanceof AggregateError ? error.errors[0] : error;
    } finally {
      over.abort();
    }
  };

/** One of each family in turn, in the order given. */
function mixed(addresses: readonly string[]): readonly string[] {
  const four = addresses.filter((ip) => !ip.includes(':'));
  const six = addresses.filter((ip) => ip.includes(':'));
  return Array.from({ length: Math.max(four.length, six.length) }, (_, at) => [four[at], six[at]])
    .flat()
    .filter((ip): ip is string => ip !== undefined);
}

function closeOthers(winner: Socket, attempts: readonly Promise<Socket>[]): void {
  for (const attempt of attempts)
    attempt.then(
      (socket) => {
        if (socket !== winner) socket.destroy();
      },
      () => undefined, // it lost
    );
}
