/** rhumbd: reads the flags, owns the signals and the exit status; no logic. */
import { toRhumbError } from '#shared/errors.ts';
import { systemClock } from '#shared/node/clock.ts';
import { standardError } from '#shared/node/journal.ts';
import { openLog } from '#shared/node/log.ts';
import { longVersion } from '#shared/version.ts';
import { runDaemon } from './daemon.ts';
import { parseFlags } from './flags.ts';
import { cleanUp } from './leftovers.ts';

/** After this the kernel takes back what we couldn't: the device, its addresses and its routes go with the process. */
const END_WITHIN_MS = 3_000;

const flags = parseFlags(process.argv.slice(2), process.env);
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const clock = systemClock();

switch (flags.kind) {
  case 'error':
    say(flags.text);
    process.exitCode = 2;
    break;
  case 'help':
    process.stdout.write(flags.text);
    break;
  case 'version':
    process.stdout.write(`${longVersion()}\n`);
    break;
  case 'run':
  case 'cleanup': {
    const log = openLog({
      level: flags.options.verbose > 0 ? 'debug' : 'info',
      program: 'rhumbd',
      destination: standardError(process.env),
      // Who asks for everything gets it.
      limit: flags.options.verbose > 1 ? undefined : { nowMs: () => clock.monotonic() },
    });
    const system = { clock, random: Math.random, log };
    const ending = new AbortController();
    const end = (): void => {
      if (ending.signal.aborted) return;
      ending.abort();
      clock.after(END_WITHIN_MS, () => {
        log('warn', 'daemon.end-forced', { afterMs: END_WITHIN_MS });
        process.exit(1);
      });
    };
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);
    // A bug of ours: the parts can't be trusted any more, so the service manager starts everything anew.
    const bug = (error: unknown): void => {
      log('error', 'daemon.bug', { error, stack: error instanceof Error ? error.stack : undefined });
      say(`rhumbd: internal error: ${toRhumbError(error).message}`);
      process.exit(1);
    };
    process.on('uncaughtException', bug);
    process.on('unhandledRejection', bug);
    try {
      if (flags.kind === 'run') await runDaemon(flags.options, system, ending.signal);
      else for (const line of await cleanUp(flags.options, log)) say(`removed: ${line}`);
      // Whatever still hangs on a socket or a timer has nothing to add.
      process.exit(0);
    } catch (error) {
      say(`rhumbd: ${toRhumbError(error).message}`);
      process.exit(1);
    }
    break;
  }
  default:
    flags satisfies never;
}
