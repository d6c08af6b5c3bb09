/** rhumb-control: reads the command line, owns the signals and the exit status; no logic. */
import { systemClock } from '#shared/node/clock.ts';
import { openLog } from '#shared/node/log.ts';
import { runProgram } from './cli/program.ts';
import { systemRandom } from './server/server.ts';

// State, keys and the admin socket are nobody else's business, from the moment they are made.
process.umask(0o077);

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const ending = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ending.abort());
// Ends whatever does not listen to it, such as a command whose terminal was closed.
const hangups = new Set<() => void>();
process.on('SIGHUP', () => {
  if (hangups.size === 0) ending.abort();
  for (const reload of hangups) reload();
});

process.exitCode = await runProgram(process.argv.slice(2), {
  clock: systemClock(),
  random: systemRandom,
  openLog: (level) => openLog({ level, program: 'rhumb-control' }),
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
  ending: ending.signal,
  onHangup: (fn) => {
    hangups.add(fn);
    return () => hangups.delete(fn);
  },
  notifySocket: process.env['NOTIFY_SOCKET'],
});
