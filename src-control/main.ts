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
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => ending.abort());

process.exitCode = await runProgram(process.argv.slice(2), {
  clock: systemClock(),
  random: systemRandom,
  openLog: (level) => openLog({ level, program: 'rhumb-control' }),
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
  ending: ending.signal,
});
