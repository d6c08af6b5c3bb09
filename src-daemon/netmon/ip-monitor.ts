/**
 * Link, address and route changes as `ip monitor` tells them. A child process instead of a netlink socket of our own:
 * Node can't wait on one without giving a thread of its pool away for good, and `ip` is needed for the router anyway.
 */
import { spawn } from 'node:child_process';
import { RhumbError } from '#shared/errors.ts';

const MONITOR = ['-o', 'monitor', 'address', 'link', 'route'];
/** A line is some hundred bytes; without a line break for this long it is not `ip` that speaks. */
const MAX_LINE = 65_536;

/** Runs until aborted (resolves) or until `ip` ends by itself or is missing (rejects). */
export async function watchChanges(onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
  try {
    // Dies with us even when we are killed: an orphan would keep a network namespace alive.
    await run('setpriv', ['--pdeathsig', 'KILL', 'ip', ...MONITOR], onLine, signal);
  } catch (error) {
    if (!(error instanceof RhumbError && error.code === 'not-found')) throw error;
    // Without setpriv (not util-linux) an orphan ends at the next change, when nobody reads it.
    await run('ip', MONITOR, onLine, signal);
  }
}

function run(
  program: string,
  args: readonly string[],
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const env = { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
    const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
    const stop = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', stop, { once: true });
    let rest = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = (lines.pop() ?? '').slice(-MAX_LINE);
      for (const line of lines) onLine(line);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-1_000);
      // Said when the kernel had more to tell than fits: something changed, whatever it was.
      onLine(text);
    });
    child.on('error', (cause) => {
      signal.removeEventListener('abort', stop);
      const code = (cause as { code?: unknown }).code === 'ENOENT' ? 'not-found' : 'unavailable';
      reject(new RhumbError(code, `watch the network with ${program}: ${cause.message}`, { cause }));
    });
    child.on('close', (code, killedBy) => {
      signal.removeEventListener('abort', stop);
      if (signal.aborted) resolve();
      else
        reject(new RhumbError('unavailable', `ip monitor ended (${killedBy ?? code}): ${complaint.trim()}`));
    });
  });
}
