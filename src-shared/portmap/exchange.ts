/** Asks the router by UDP: sends, waits, sends again, until it answered or the waits are used up. */
import type { Clock } from '../async/clock.ts';
import type { SockAddr } from '../ip/address.ts';
import type { LanSocket } from '../node/lan-udp.ts';
import type { OpenPortmapSocket } from './types.ts';

export interface Wire {
  readonly clock: Clock;
  readonly openUdp: OpenPortmapSocket;
}

export interface Exchange<T> {
  readonly localIp: string;
  readonly send: (socket: LanSocket) => void;
  /** How long each sending is waited for; there are as many sendings. */
  readonly waitsMs: readonly number[];
  /** Asked before each sending but the first: nothing more has to be waited for. */
  readonly isEnough?: ((sent: number) => boolean) | undefined;
  /** Calls `finish` when nothing more is to be waited for. */
  readonly receive: (from: SockAddr, datagram: Uint8Array, finish: (value: T) => void) => void;
}

/** In a process that was busy, timers come before the datagrams that arrived meanwhile: those get one more turn. */
const LAST_TURN_MS = 1;

/** Undefined when nobody finished it in time; rejects when there is no socket to be had, or with the signal's reason. */
export async function exchange<T>(
  wire: Wire,
  asked: Exchange<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
  const aborted = (): void => reject(signal.reason);
  signal.addEventListener('abort', aborted, { once: true });
  let cancel: (() => void) | undefined;
  let socket: LanSocket | undefined;
  try {
    socket = await wire.openUdp({
      localIp: asked.localIp,
      receive: (from, datagram) => asked.receive(from, datagram, resolve),
    });
    const open = socket;
    let sent = 0;
    const round = (): void => {
      const waitMs = asked.waitsMs[sent];
      if (waitMs === undefined || (sent > 0 && asked.isEnough?.(sent) === true)) {
        cancel = wire.clock.after(LAST_TURN_MS, () => resolve(undefined));
        return;
      }
      sent++;
      asked.send(open);
      cancel = wire.clock.after(waitMs, round);
    };
    signal.throwIfAborted();
    round();
    return await promise;
  } finally {
    // Aborted while the socket was being opened, the promise is nobody's.
    promise.catch(() => undefined);
    signal.removeEventListener('abort', aborted);
    cancel?.();
    await socket?.close();
  }
}
