/** One page's socket: who it is first, then its calls and what it is told, until either side goes. */
import type { WebSocket } from 'ws';
import type { Clock } from '#shared/async/clock.ts';
import type { EventName, ValueOf } from '#shared/bridge/contract.ts';
import type { Caller, Dispatcher } from '#shared/bridge/dispatch.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Rights } from '#shared/ui-state/types.ts';
import { type Hello, type HostFacts, readCall, readHello } from './frames.ts';

/** Somebody who was let in. */
export interface Guest {
  readonly id: string;
  /** Asked for each call. */
  readonly rights: () => Rights;
  /** To come back with, after the line was lost; '' = none is needed. */
  readonly key: string;
  readonly leave: () => void;
}

export interface SocketParts {
  readonly clock: Clock;
  readonly host: HostFacts;
  /** Undefined = not let in. */
  readonly admit: (hello: Hello) => Guest | undefined;
  /** Called once for who was let in; what it gives serves him until his signal aborts. */
  readonly serve: (caller: Caller) => Pick<Dispatcher, 'run'>;
}

const HELLO_MS = 10_000;
const PING_MS = 30_000;
/** What a page may be behind before it is dropped: it comes back and asks for everything anew. */
const MAX_BEHIND_BYTES = 16 * 1_024 * 1_024;
const MAX_CALLS_AT_ONCE = 64;
const POLICY_VIOLATION = 1_008;
const TRY_AGAIN_LATER = 1_013;

export function serveSocket(socket: WebSocket, { clock, host, admit, serve }: SocketParts): void {
  const gone = new AbortController();
  let guest: Guest | undefined;
  let caller: Caller | undefined;
  let dispatcher: Pick<Dispatcher, 'run'> | undefined;
  let running = 0;
  let isAlive = true;
  let cancelPing = (): void => undefined;
  const cancelHello = clock.after(HELLO_MS, () => socket.close(POLICY_VIOLATION, 'who is there?'));

  const send = (frame: unknown): void => {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > MAX_BEHIND_BYTES) socket.terminate();
    else socket.send(JSON.stringify(frame));
  };
  const ping = (): void => {
    if (!isAlive) {
      socket.terminate();
      return;
    }
    isAlive = false;
    socket.ping();
    cancelPing = clock.after(PING_MS, ping);
  };
  const enter = (text: string): void => {
    cancelHello();
    const hello = readHello(text);
    guest = hello === undefined ? undefined : admit(hello);
    if (guest === undefined) {
      send({ refused: {} });
      socket.close(POLICY_VIOLATION, 'refused');
      return;
    }
    const { id, rights, key } = guest;
    caller = {
      id,
      get rights() {
        return rights();
      },
      signal: gone.signal,
      emit: <K extends EventName>(event: K, value: ValueOf<K>): void => send({ event, value }),
    };
    dispatcher = serve(caller);
    send({ welcome: { key, host } });
    cancelPing = clock.after(PING_MS, ping);
  };
  const call = async (text: string): Promise<void> => {
    const frame = readCall(text);
    if (frame === undefined || caller === undefined || dispatcher === undefined) {
      socket.close(POLICY_VIOLATION, 'that is no call');
      return;
    }
    if (running >= MAX_CALLS_AT_ONCE) {
      const message = 'too many calls at once';
      send({ id: frame.id, reply: { ok: false, code: 'unavailable', message } });
      return;
    }
    running++;
    try {
      send({ id: frame.id, reply: await dispatcher.run(frame.name, frame.arg, caller) });
    } finally {
      running--;
    }
  };

  socket.on('message', (data, isBinary) => {
    if (isBinary || !Buffer.isBuffer(data)) socket.close(POLICY_VIOLATION, 'text only');
    else if (caller === undefined) enter(data.toString('utf8'));
    // The dispatcher answers whatever happens; what is left is a socket that went meanwhile.
    else call(data.toString('utf8')).catch(() => socket.terminate());
  });
  socket.on('pong', () => {
    isAlive = true;
  });
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    cancelHello();
    cancelPing();
    gone.abort(new RhumbError('unavailable', 'the page is gone'));
    guest?.leave();
    guest = undefined;
  });
}

/** For pages that come while there are too many. */
export const turnAway = (socket: WebSocket): void => socket.close(TRY_AGAIN_LATER, 'too many pages are open');
