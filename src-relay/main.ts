/** rhumb-relay: reads the flags, owns the signals and the exit status; no logic. */
import { toRhumbError } from '#shared/errors.ts';
import { DEFAULT_SOCKET } from '#shared/localapi/socket.ts';
import { systemClock } from '#shared/node/clock.ts';
import { openLog } from '#shared/node/log.ts';
import { longVersion, VERSION } from '#shared/version.ts';
import { parseFlags, type RelayOptions } from './flags.ts';
import { startRelay } from './program.ts';

/** A client that reads nothing must not keep us; the service manager waits longer. */
const END_WITHIN_MS = 5_000;

// Keys are nobody else's business, from the moment they are made.
process.umask(0o077);

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const flags = parseFlags(process.argv.slice(2), { socket: DEFAULT_SOCKET });

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
    await run(flags.options);
    break;
  default:
    flags satisfies never;
}

async function run(options: RelayOptions): Promise<void> {
  const clock = systemClock();
  const log = openLog({ level: options.logLevel, program: 'rhumb-relay' });
  const ending = Promise.withResolvers<void>();
  const end = (): void => {
    ending.resolve();
    clock.after(END_WITHIN_MS, () => {
      log('warn', 'relay.end-forced', { afterMs: END_WITHIN_MS });
      process.exit(1);
    });
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end);
  // A bug of ours: the parts can't be trusted any more, so the service manager starts everything anew.
  const bug = (error: unknown): void => {
    log('error', 'relay.bug', { error, stack: error instanceof Error ? error.stack : undefined });
    say(`rhumb-relay: internal error: ${toRhumbError(error).message}`);
    process.exit(1);
  };
  process.on('uncaughtException', bug);
  process.on('unhandledRejection', bug);
  try {
    await using running = await startRelay(options, { clock, random: Math.random, log });
    const { relay } = running;
    process.on('SIGHUP', () => void running.reload());
    const port = relay.front?.port;
    const stunPorts = relay.stun?.ports ?? [];
    log('info', 'relay.ready', { port, httpPort: relay.front?.httpPort, stunPorts, key: relay.publicKey });
    const where = `${options.tls === undefined ? 'http' : 'https'} port ${port}`;
    process.stdout.write(
      `rhumb-relay ${VERSION} is ready on ${where}, STUN ${stunPorts.join(', ') || 'off'}; ` +
        `its node in a relay map: ${JSON.stringify(running.mapNode)}\n`,
    );
    await ending.promise;
    log('info', 'relay.stopping', { clients: relay.core.stats().connections });
    relay.front?.stopListening();
  } catch (error) {
    say(`rhumb-relay: ${toRhumbError(error).message}`);
    process.exit(1);
  }
  process.exit(0);
}
