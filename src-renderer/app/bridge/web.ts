/** The page's host over one WebSocket to the daemon: says who it is, calls, hears events, comes back by itself. */
import type { ArgOf, Bridge, CallName, EventName, ResultOf, ValueOf } from '#shared/bridge/contract.ts';
import { CallError } from './failure.ts';
import { type Frame, type Hello, readFrame, type WebHost } from './frames.ts';
import type { Host, Line } from './host.ts';

/** Waits before each new attempt; the last one repeats. */
const RETRY_MS = [0, 250, 500, 1_000, 2_000, 3_000] as const;
/** Longer than any call of the contract takes; the daemon ends them before. */
const CALL_MS = 130_000;
const KEY = 'rhumb-key';

/** What a socket and a clock are; tests hand in their own. */
export interface WebParts {
  readonly open: () => WebSocket;
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  /** The token of the link that was followed; taken from the address once. */
  readonly token: string | undefined;
  readonly saved: { readonly get: () => string | undefined; readonly set: (key: string) => void };
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: CallError) => void;
  readonly cancel: () => void;
}

const GONE = 'the connection to the service was lost';

export function webHost(parts: WebParts): Host {
  const pending = new Map<number, Pending>();
  const listeners = new Map<string, Set<(value: unknown) => void>>();
  const lineListeners = new Set<(line: Line) => void>();
  /** Calls made before the daemon has said welcome. */
  let waiting: (() => void)[] = [];
  let line: Line = { kind: 'connecting' };
  let host: WebHost = { can: [], platform: '', version: '' };
  let socket: WebSocket | undefined;
  let token = parts.token;
  let attempt = 0;
  let lastId = 0;

  const setLine = (next: Line): void => {
    line = next;
    for (const told of lineListeners) told(next);
  };
  const failAll = (): void => {
    for (const { reject, cancel } of pending.values()) {
      cancel();
      reject(new CallError('unavailable', GONE));
    }
    pending.clear();
  };
  const settle = (id: number, how: (one: Pending) => void): void => {
    const one = pending.get(id);
    if (one === undefined) return;
    pending.delete(id);
    one.cancel();
    how(one);
  };
  const heard = (frame: Frame): void => {
    switch (frame.kind) {
      case 'welcome':
        token = undefined;
        if (frame.key !== '') parts.saved.set(frame.key);
        host = frame.host;
        attempt = 0;
        setLine({ kind: 'open' });
        for (const run of waiting.splice(0)) run();
        return;
      case 'refused':
        setLine({ kind: 'refused' });
        socket?.close();
        return;
      case 'reply':
        settle(frame.id, ({ resolve }) => resolve(frame.value));
        return;
      case 'failed':
        settle(frame.id, ({ reject }) => reject(frame.error));
        return;
      case 'event':
        for (const told of listeners.get(frame.event) ?? []) told(frame.value);
        return;
      default:
        frame satisfies never;
    }
  };
  const closed = (): void => {
    failAll();
    if (line.kind === 'refused') {
      waiting = [];
      return;
    }
    if (line.kind !== 'lost') setLine({ kind: 'lost', sinceMs: parts.now() });
    parts.after(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 0, connect);
    attempt += 1;
  };
  const connect = (): void => {
    const mine = parts.open();
    socket = mine;
    mine.addEventListener('open', () => {
      const key = parts.saved.get();
      const hello: Hello = {
        hello: { ...(token !== undefined && { token }), ...(key !== undefined && { key }) },
      };
      mine.send(JSON.stringify(hello));
    });
    mine.addEventListener('message', ({ data }) => {
      const frame = readFrame(data);
      if (frame !== undefined) heard(frame);
    });
    mine.addEventListener('close', closed, { once: true });
  };

  const send = (name: string, arg: unknown): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const id = ++lastId;
    const cancel = parts.after(CALL_MS, () =>
      settle(id, (one) => one.reject(new CallError('timeout', `${name} was not answered`))),
    );
    pending.set(id, { resolve, reject, cancel });
    socket?.send(JSON.stringify({ id, name, arg }));
    return promise;
  };
  const bridge: Bridge = {
    get host() {
      return { kind: 'web' as const, ...host };
    },
    call: async <K extends CallName>(name: K, arg: ArgOf<K>): Promise<ResultOf<K>> => {
      if (line.kind === 'connecting')
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
        });
      if (line.kind !== 'open') throw new CallError('unavailable', GONE);
      // The daemon parsed it by the contract's schema before it sent it.
      return (await send(name, arg)) as ResultOf<K>;
    },
    on: <K extends EventName>(name: K, listener: (value: ValueOf<K>) => void): (() => void) => {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set);
      const told = (value: unknown): void => listener(value as ValueOf<K>);
      set.add(told);
      return () => set.delete(told);
    },
  };
  connect();
  return {
    bridge,
    onLine: (listener) => {
      listener(line);
      lineListeners.add(listener);
      return () => lineListeners.delete(listener);
    },
  };
}

/** `#t=<token>`: read once, and out of the address before anybody can copy it. */
function takeToken(): string | undefined {
  const token = /^#t=([\w-]{16,256})$/.exec(location.hash)?.[1];
  if (token !== undefined) history.replaceState(null, '', `${location.pathname}${location.search}`);
  return token;
}

export function connectWeb(): Host {
  const address = new URL('bridge', location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  address.hash = '';
  address.search = '';
  return webHost({
    open: () => new WebSocket(address),
    now: () => Date.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    token: takeToken(),
    // Of this tab alone, and gone with it.
    saved: {
      get: () => sessionStorage.getItem(KEY) ?? undefined,
      set: (key) => sessionStorage.setItem(KEY, key),
    },
  });
}
