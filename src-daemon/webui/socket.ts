/** One page's socket: who it is first, then its calls and what it is told, until either side goes. */
import type { WebSocket } from 'ws';
import type { Clock } from '#shared/async/clock.ts';
import type { CallName, EventName, ValueOf } from '#shared/bridge/contract.ts';
import type { Caller, Dispatcher } from '#shared/bridge/dispatch.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Rights } from '#shared/ui-state/types.ts';
import { type Hello, type HostFacts, readCall, readHello } from './frames.ts';
import { Inflow } from './inflow.ts';

/** Somebody who was let in. */
export interface Guest {
  readonly id: string;
  /** Asked for each call; undefined = it is not him any more, or his time is over. */
  readonly rights: () => Rights | undefined;
  readonly sees: NonNullable<Caller['sees']>;
  /** What is not for him, unless he manages. */
  readonly refuses?: ReadonlySet<CallName> | undefined;
  /** To come back with, after the line was lost; '' = none is needed. */
  readonly key: string;
  readonly leave: () => void;
}

export interface SocketParts {
  readonly clock: Clock;
  readonly host: HostFacts;
  /** Undefined = not let in. */
  readonly admit: (hello: Hello) => Guest | undefined;
  /** A place for who was let in, given back by what it returns; undefined = all are taken. */
  readonly seat: (guest: Guest) => (() => void) | undefined;
  /** Called once for who was let in; what it gives serves him until his signal aborts. */
  readonly serve: (caller: Caller) => Pick<Dispatcher, 'run'>;
}

const HELLO_MS = 10_000;
const PING_MS = 30_000;
/** What a page may be behind before it is dropped: it comes back and asks for everything anew. */
const MAX_BEHIND_BYTES = 16 * 1_024 * 1_024;
/** Who takes no answers gets no more pongs either. */
const MAX_PONG_BEHIND_BYTES = 64 * 1_024;
/** For who does not close after a goodbye. */
const CLOSE_MS = 2_000;
const MAX_CALLS_AT_ONCE = 64;
const POLICY_VIOLATION = 1_008;
const SERVICE_RESTART = 1_012;
const TRY_AGAIN_LATER = 1_013;

export function serveSocket(socket: WebSocket, { clock, host, admit, seat, serve }: SocketParts): void {
  const gone = new AbortController();
  const inflow = new Inflow(clock);
  let served:
    | {
        readonly guest: Guest;
        readonly caller: Caller;
        readonly run: Dispatcher['run'];
        readonly as: Rights | undefined;
      }
    | undefined;
  let leave = (): void => undefined;
  /** From then on nothing that still comes is heard. */
  let isOver = false;
  let running = 0;
  let isAlive = true;
  let cancelHello = (): void => undefined;
  let cancelPing = (): void => undefined;

  const send = (frame: unknown): void => {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > MAX_BEHIND_BYTES) socket.terminate();
    else socket.send(JSON.stringify(frame));
  };
  const end = (code: number, why: string): void => {
    if (isOver) return;
    isOver = true;
    cancelHello();
    cancelPing();
    cancelPing = clock.after(CLOSE_MS, () => socket.terminate());
    socket.close(code, why);
  };
  cancelHello = clock.after(HELLO_MS, () => end(POLICY_VIOLATION, 'who is there?'));
  /** What streams were begun with other rights must not go on: the page comes back as what it is now. */
  const isSame = (): boolean => {
    const rights = served?.guest.rights();
    if (served === undefined || (rights !== undefined && rights === served.as)) return true;
    end(SERVICE_RESTART, 'the rights have changed');
    return false;
  };
  const ping = (): void => {
    if (!isAlive) socket.terminate();
    else if (isSame()) {
      isAlive = false;
      socket.ping();
      cancelPing = clock.after(PING_MS, ping);
    }
  };
  const enter = (text: string): void => {
    cancelHello();
    const hello = readHello(text);
    const guest = hello === undefined ? undefined : admit(hello);
    if (guest === undefined) {
      send({ refused: {} });
      end(POLICY_VIOLATION, 'refused');
      return;
    }
    const unseat = seat(guest);
    leave = () => {
      unseat?.();
      guest.leave();
    };
    if (unseat === undefined) {
      end(TRY_AGAIN_LATER, 'too many pages are open');
      return;
    }
    const caller: Caller = {
      id: guest.id,
      get rights() {
        return guest.rights() ?? 'readonly';
      },
      sees: guest.sees,
      ...(guest.refuses !== undefined && { refuses: guest.refuses }),
      signal: gone.signal,
      emit: <K extends EventName>(event: K, value: ValueOf<K>): void => {
        if (isSame()) send({ event, value });
      },
    };
    const dispatcher = serve(caller);
    const run: Dispatcher['run'] = (...call) => dispatcher.run(...call);
    served = { guest, caller, run, as: guest.rights() };
    send({ welcome: { key: guest.key, host } });
    cancelPing = clock.after(PING_MS, ping);
  };
  const call = async (text: string): Promise<void> => {
    const frame = readCall(text);
    if (frame === undefined || served === undefined) {
      end(POLICY_VIOLATION, 'that is no call');
      return;
    }
    if (!isSame()) return;
    if (running >= MAX_CALLS_AT_ONCE) {
      const message = 'too many calls at once';
      send({ id: frame.id, reply: { ok: false, code: 'unavailable', message } });
      return;
    }
    running++;
    try {
      const reply = await served.run(frame.name, frame.arg, served.caller);
      const tellsNothing = !reply.ok || reply.value === undefined;
      // What it asked for with other rights is not for it any more.
      if (tellsNothing || isSame()) send({ id: frame.id, reply });
    } finally {
      running--;
    }
  };

  socket.on('message', (data, isBinary) => {
    if (isOver) return;
    if (isBinary || !Buffer.isBuffer(data)) end(POLICY_VIOLATION, 'text only');
    else if (inflow.isFlood(data.length)) end(POLICY_VIOLATION, 'too much at once');
    else if (served === undefined) enter(data.toString('utf8'));
    // The dispatcher answers whatever happens; what is left is a socket that went meanwhile.
    else call(data.toString('utf8')).catch(() => socket.terminate());
  });
  socket.on('ping', (data) => {
    if (inflow.isFlood(data.length)) socket.terminate();
    else if (socket.readyState === socket.OPEN && socket.bufferedAmount < MAX_PONG_BEHIND_BYTES)
      socket.pong(data);
  });
  socket.on('pong', () => {
    isAlive = true;
  });
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    isOver = true;
    cancelHello();
    cancelPing();
    gone.abort(new RhumbError('unavailable', 'the page is gone'));
    leave();
  });
}
