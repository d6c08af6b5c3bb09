/** What the service manager is told: that we are ready, how we are, that we still live, that we end (sd_notify(3)). */
import type { Clock } from '#shared/async/clock.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import type { Log } from '#shared/log/log.ts';
import { openUnixDatagrams, type UnixDatagrams } from '../ffi/unix-datagram.ts';

export interface ServiceManager extends Disposable {
  ready(): void;
  /** One line for people, as `systemctl status` shows it. */
  status(text: string): void;
  stopping(): void;
}

export interface ServiceDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly open?: (path: string) => UnixDatagrams;
}

const MAX_STATUS = 200;

/** Says nothing where nobody asked. */
export function openServiceManager({
  env,
  pid,
  clock,
  log,
  open = openUnixDatagrams,
}: ServiceDeps): ServiceManager {
  const socket = openSocket(env['NOTIFY_SOCKET'], open, log);
  const say = (...lines: readonly string[]): void => {
    const failed = socket?.send(utf8(lines.join('\n')));
    if (failed !== undefined) log('debug', 'service.notify-failed', { error: failed });
  };
  const everyMs = socket === undefined ? undefined : watchdogMs(env, pid);
  let cancel: (() => void) | undefined;
  // From the event loop: while that hangs nothing is sent, and the manager starts us anew.
  const live = (): void => {
    say('WATCHDOG=1');
    if (everyMs !== undefined) cancel = clock.after(everyMs, live);
  };
  let lastStatus = '';
  return {
    ready: () => {
      say('READY=1');
      if (everyMs !== undefined) live();
    },
    status: (text) => {
      const line = oneLine(text);
      if (line === lastStatus) return;
      lastStatus = line;
      say(`STATUS=${line}`);
    },
    stopping: () => say('STOPPING=1', 'STATUS=Stopping'),
    [Symbol.dispose]: () => {
      cancel?.();
      socket?.[Symbol.dispose]();
    },
  };
}

function openSocket(
  path: string | undefined,
  open: (path: string) => UnixDatagrams,
  log: Log,
): UnixDatagrams | undefined {
  if (path === undefined || !/^[/@]/.test(path)) return undefined;
  try {
    return open(path);
  } catch (error) {
    // It would wait for READY for a while and then end us: there is nothing to be done about that from here.
    log('warn', 'service.notify-unavailable', { error });
    return undefined;
  }
}

/** Half of what it waits, as sd_watchdog_enabled(3) advises; undefined when it does not wait for this process. */
export function watchdogMs(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  const text = env['WATCHDOG_USEC'] ?? '';
  const usec = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  const isForUs = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(pid);
  return usec > 0 && isForUs ? Math.max(1, Math.floor(usec / 2_000)) : undefined;
}

/** Names of users and texts of servers could bring lines of their own, which would be commands. */
const oneLine = (text: string): string =>
  Array.from(text, (char) => ((char.codePointAt(0) ?? 0) < 0x20 ? ' ' : char))
    .slice(0, MAX_STATUS)
    .join('');
