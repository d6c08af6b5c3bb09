/** Tells systemd how far the server is, where it was started by it. */
import { execFile } from 'node:child_process';
import type { Log } from '#shared/log/log.ts';

const TIMEOUT_MS = 5_000;

/** `READY=1`, `STOPPING=1`, `STATUS=…`. Node has no datagram sockets of the local kind; systemd's own program sends it. */
export function notifySystemd(state: readonly string[], socket: string | undefined, log: Log): void {
  if (socket === undefined) return;
  const options = { timeout: TIMEOUT_MS, env: { NOTIFY_SOCKET: socket, PATH: '/usr/bin:/bin' } };
  execFile('systemd-notify', [`--pid=${process.pid}`, ...state], options, (error) => {
    if (error !== null) log('warn', 'systemd.not-told', { error: error.message });
  });
}
