/** `serve`, `configtest` and `version`: the commands that are not about the state. */
import { Command, InvalidArgumentError } from 'commander';
import type { Random } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Level, Log } from '#shared/log/log.ts';
import { VERSION } from '#shared/version.ts';
import { notifySystemd } from '../ops/systemd.ts';
import type { Config, FlagSettings } from '../server/config.ts';
import { LiveConfig } from '../server/reload.ts';
import { type RunningServer, startServer } from '../server/server.ts';
import { configFor, type Io, readGlobals, show, withGlobalOptions } from './context.ts';
import { showTranslated, tellIgnored } from './foreign-config.ts';

export interface ServeDeps extends Io {
  readonly random: Random;
  readonly openLog: (level: Level) => AdjustableLog;
  /** Aborted when the process is asked to end. */
  readonly ending: AbortSignal;
  /** Calls `fn` whenever the process is asked to read its configuration again (SIGHUP); the result ends that. */
  readonly onHangup?: (fn: () => void) => () => void;
  /** Where systemd wants to hear that the server is ready. */
  readonly notifySocket?: string | undefined;
}

/** Its level can be changed; a log that goes nowhere has none. */
type AdjustableLog = Log & { readonly setLevel?: (level: Level) => void };

type ServeFlags = Pick<
  FlagSettings,
  'listen' | 'serverUrl' | 'baseDomain' | 'tlsCert' | 'tlsKey' | 'logLevel'
>;

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

function parseLevel(value: string): Level {
  const level = LEVELS.find((one) => one === value);
  if (level === undefined) throw new InvalidArgumentError(`use one of ${LEVELS.join(', ')}.`);
  return level;
}

const serverOptions = (command: Command): Command =>
  withGlobalOptions(command)
    .option('--listen <address>', 'address to serve on, such as 127.0.0.1:8080 or :443')
    .option('--server-url <url>', 'where machines and browsers reach this server')
    .option('--base-domain <domain>', 'domain of the machines’ names')
    .option('--tls-cert <file>', 'certificate chain in PEM; without one the server speaks plain HTTP')
    .option('--tls-key <file>', 'private key of the certificate in PEM')
    .option('--log-level <level>', 'debug, info, warn or error', parseLevel);

export function serveCommand(deps: ServeDeps): Command {
  const command = serverOptions(new Command('serve').description('run the coordination server')).action(
    async (flags: ServeFlags) => {
      const globals = readGlobals(command);
      const read = (): Config => configFor(globals, onlyFlags(flags));
      const config = read();
      const log = deps.openLog(config.logLevel);
      tellIgnored(log, globals.configFile);
      using live = new LiveConfig(config, { clock: deps.clock, log, read, file: globals.configFile });
      live.on(['logLevel'], ({ logLevel }) => log.setLevel?.(logLevel));
      await using server = await startServer(config, {
        ...deps,
        ...{ log, version: VERSION, config: live, withProcessMetrics: true },
      });
      log('info', 'server.ready', {
        address: server.address,
        serverUrl: server.serverUrl,
        stateDir: config.stateDir,
      });
      deps.out(`rhumb-control ${VERSION} is ready at ${server.serverUrl} (listening on ${server.address})`);
      if (server.setupCode !== undefined)
        deps.out(
          `nobody can sign in to the console yet: open ${server.serverUrl}/login/setup and enter the code ${server.setupCode}`,
        );
      await live.watch();
      const stopListening = deps.onHangup?.(() => void reload(live, server, log));
      notifySystemd(['--ready'], deps.notifySocket, log);
      void tellOfUrl(server, deps.ending, log);
      await ended(deps.ending);
      notifySystemd(['STOPPING=1'], deps.notifySocket, log);
      stopListening?.();
      log('info', 'server.stopping', { streams: server.hub.streamCount });
    },
  );
  return command;
}

async function reload(live: LiveConfig, server: RunningServer, log: Log): Promise<void> {
  const tell = (what: string) => (error: unknown) =>
    log('error', what, { error: toRhumbError(error).message, advice: 'what was in force stays in force' });
  await live.reload().catch(tell('config.unusable'));
  await Promise.all([server.reloadCertificate(), server.reloadPolicy().catch(tell('policy.file-unusable'))]);
}

/** What is wrong on the way that machines take is said at once, not when the first machine fails. */
async function tellOfUrl(server: RunningServer, ending: AbortSignal, log: Log): Promise<void> {
  const verdict = await server.checkUrl(ending).catch(() => undefined);
  if (verdict === undefined || ending.aborted) return;
  if (verdict.kind === 'ok') log('info', 'server-url.ok', { serverUrl: server.serverUrl });
  else log('warn', 'server-url.trouble', { serverUrl: server.serverUrl, ...verdict });
}

export function configTestCommand(deps: ServeDeps): Command {
  const command = serverOptions(
    new Command('configtest').description('check the configuration and show what it comes to'),
  ).action((flags: ServeFlags) => {
    const globals = readGlobals(command);
    const config = configFor(globals, onlyFlags(flags));
    deps.out(showTranslated(globals.configFile, globals.format) ?? JSON.stringify(config, null, 2));
  });
  return command;
}

export function versionCommand(io: Io): Command {
  const command = withGlobalOptions(new Command('version').description('show the version')).action(() => {
    const { format } = readGlobals(command);
    show(
      io,
      format,
      { version: VERSION, node: process.version },
      () => `rhumb-control ${VERSION} (Node ${process.version})`,
    );
  });
  return command;
}

const onlyFlags = ({
  listen,
  serverUrl,
  baseDomain,
  tlsCert,
  tlsKey,
  logLevel,
}: ServeFlags): FlagSettings => ({
  listen,
  serverUrl,
  baseDomain,
  tlsCert,
  tlsKey,
  logLevel,
});

const ended = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
