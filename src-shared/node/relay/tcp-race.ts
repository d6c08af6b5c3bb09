/** TCP to one relay node: IPv4 and IPv6 race, whichever is there first wins (nat-traversal.md §1.12). */
import type { Socket } from 'node:net';
import type { Clock } from '../../async/clock.ts';
import { RhumbError } from '../../errors.ts';
import { parseIp } from '../../ip/address.ts';
import type { DerpNode } from '../../wire/map.ts';
import { netErrorText } from '../net-error.ts';

export interface Target {
  /** An address, or a name to be resolved for that family. */
  readonly host: string;
  readonly family: 4 | 6;
}

/** Gives a connected socket; an aborted attempt must leave none behind. */
export type Connect = (target: Target & { readonly port: number }, signal: AbortSignal) => Promise<Socket>;

const NODE_LIMIT_MS = 1_500;
const IPV4_DELAY_MS = 200;
const HTTPS_PORT = 443;

/** Nothing to dial when the node turns both families off. An address field that is no address turns its family off. */
export function targetsOf(node: DerpNode): readonly Target[] {
  const targets: Target[] = [];
  for (const [family, given] of [
    [4, node.IPv4 ?? ''],
    [6, node.IPv6 ?? ''],
  ] as const) {
    const host = given === '' ? node.HostName : given;
    const length = parseIp(host)?.length;
    const isOfFamily = length === (family === 4 ? 4 : 16);
    if (isOfFamily || (given === '' && length === undefined)) targets.push({ host, family });
  }
  return targets;
}

export const portOf = (node: DerpNode): number =>
  node.DERPPort === undefined || node.DERPPort === 0 ? HTTPS_PORT : node.DERPPort;

interface Race {
  readonly node: DerpNode;
  readonly prefersIpv6: boolean;
  readonly clock: Clock;
  readonly connect: Connect;
}

/** Rejects with the first failure in words, or with the signal's reason. */
export async function raceTcp(race: Race, signal: AbortSignal): Promise<Socket> {
  const targets = targetsOf(race.node);
  if (targets.length === 0)
    throw new RhumbError('unavailable', 'the relay map turns both IPv4 and IPv6 off for it');
  const over = new AbortController();
  const stopTimer = race.clock.after(NODE_LIMIT_MS, () => over.abort(new RhumbError('timeout', 'timed out')));
  const inner = AbortSignal.any([signal, over.signal]);
  const attempts = start(race, targets, inner);
  try {
    const winner = await orAborted(Promise.any(attempts), inner);
    closeOthers(winner, attempts);
    return winner;
  } catch (error) {
    closeOthers(undefined, attempts);
    if (signal.aborted) throw signal.reason;
    if (over.signal.aborted) throw over.signal.reason;
    const first = error instanceof AggregateError ? error.errors[0] : error;
    throw new RhumbError('unavailable', netErrorText(first), { cause: error });
  } finally {
    stopTimer();
    over.abort();
  }
}

/** IPv4 waits a little where IPv6 is known to work, but not for an IPv6 that has failed already. */
function start(race: Race, targets: readonly Target[], signal: AbortSignal): readonly Promise<Socket>[] {
  const port = portOf(race.node);
  const dial = (target: Target): Promise<Socket> => race.connect({ ...target, port }, signal);
  const [v4, v6] = [4, 6].map((family) => targets.find((target) => target.family === family));
  if (v4 === undefined || v6 === undefined || !race.prefersIpv6) return targets.map(dial);
  const six = dial(v6);
  const headStart = Promise.race([
    race.clock.sleep(IPV4_DELAY_MS, signal),
    six.then(
      () => new Promise<never>(() => undefined),
      // Its failure is reported by the race itself.
      () => undefined,
    ),
  ]);
  return [headStart.then(() => dial(v4)), six];
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function closeOthers(winner: Socket | undefined, attempts: readonly Promise<Socket>[]): void {
  for (const attempt of attempts)
    attempt.then(
      (socket) => {
        if (socket !== winner) socket.destroy();
      },
      // It lost; the race has said why.
      () => undefined,
    );
}
