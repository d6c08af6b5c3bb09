/** The command line as a whole: declares the commands to commander, runs one, turns errors into one line and a status. */
import { Command as Commander, Option } from 'commander';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { DEFAULT_SOCKET } from '#shared/localapi/http.ts';
import { LocalApi } from '#shared/node/localapi-client.ts';
import { VERSION } from '#shared/version.ts';
import { dashed, parseArgs, parseValue } from './args.ts';
import type { Context } from './commands/context.ts';
import { debugCommand } from './commands/debug.ts';
import { downCommand, logoutCommand } from './commands/down.ts';
import { ipCommand } from './commands/ip.ts';
import { netcheckCommand } from './commands/netcheck.ts';
import { pingCommand } from './commands/ping.ts';
import { setCommand } from './commands/set.ts';
import { type Command, type Flag, type FlagValue, FlagValues, initialOf } from './commands/spec.ts';
import { statusCommand } from './commands/status.ts';
import { loginCommand, upCommand } from './commands/up.ts';
import { shellQuote } from './commands/up-rule.ts';
import { versionCommand } from './commands/version.ts';
import { whoisCommand } from './commands/whois.ts';
import { formatDuration } from './print/duration.ts';

const PROGRAM = 'rhumb';
const HELP_WIDTH = 100;
const SOCKET_ENV = 'RHUMB_SOCKET';

const rootFlagsFor = (env: World['env']): readonly Flag[] => [
  {
    name: 'socket',
    kind: 'text',
    value: 'path',
    initial: env[SOCKET_ENV] || DEFAULT_SOCKET,
    about: `socket of rhumbd; ${SOCKET_ENV} in the environment does the same`,
  },
];

const commandsFor = (platform: string): readonly Command[] => [
  upCommand(platform),
  downCommand,
  setCommand(platform),
  loginCommand(platform),
  logoutCommand,
  statusCommand,
  ipCommand,
  pingCommand,
  whoisCommand,
  netcheckCommand,
  debugCommand,
  versionCommand,
];

/** The world, without what the command line itself decides. */
export interface World extends Omit<Context, 'api'> {
  readonly clock: Clock;
  readonly isRoot: boolean;
  readonly dialRetryMs?: number | undefined;
}

/** Runs one command line; resolves to the exit status. Never rejects. */
export async function run(argv: readonly string[], world: World): Promise<number> {
  const commands = commandsFor(world.platform);
  const rootFlags = rootFlagsFor(world.env);
  const parsed = parseArgs(PROGRAM, argv, rootFlags, commands);
  if (parsed.kind === 'refused') {
    world.err(`${parsed.message}\n`);
    return parsed.exit;
  }
  const root = declareRoot(rootFlags, commands, world);
  const { command } = parsed;
  if (parsed.wantsHelp || command === undefined) {
    const shown = command === undefined ? root : root.commands.find((one) => one.name() === command.name);
    const hint = command === undefined ? `\nFor one command: ${PROGRAM} status --help\n` : '';
    const text = `${(shown ?? root).helpInformation()}${hint}`;
    // Asked for, help is the output; without a command it is a hint.
    if (parsed.wantsHelp) world.out(text);
    else world.err(text);
    return 0;
  }
  let exit = 0;
  for (const one of root.commands)
    one.action(async () => {
      const values = valuesOf(command.flags, one);
      const socketPath = String(root.opts<{ socket: unknown }>().socket);
      const input = { flags: new FlagValues(values, parsed.given), args: one.args };
      exit = await withApi(world, socketPath, (context) => command.run(context, input));
    });
  try {
    await root.parseAsync([...parsed.rootArgs, command.name, ...parsed.commandArgs], { from: 'user' });
    return exit;
  } catch (error) {
    world.err(`${explain(error, argv, world)}\n`);
    return 1;
  }
}

async function withApi(
  world: World,
  socketPath: string,
  action: (context: Context) => Promise<number>,
): Promise<number> {
  using api = new LocalApi({
    socketPath,
    clock: world.clock,
    dialRetryMs: world.dialRetryMs,
    onDaemonVersion: (version) => {
      if (version !== VERSION)
        world.err(
          `Warning: client version ${JSON.stringify(VERSION)} != rhumbd server version ${JSON.stringify(version)}\n`,
        );
    },
  });
  return await action({ ...world, api });
}

/** The text of an error for the user; what only developers understand is not in it. */
function explain(error: unknown, argv: readonly string[], world: World): string {
  if (!(error instanceof RhumbError)) {
    const text = error instanceof Error ? error.message : String(error);
    return `${PROGRAM}: internal error: ${text}`;
  }
  const isRefusal = error.code === 'not-allowed' && error.message.startsWith('Access denied:');
  if (!isRefusal || world.isRoot || world.platform === 'win32') return error.message;
  const again = argv.map((word, at) => (isKey(argv, at) ? '…' : shellQuote(word))).join(' ');
  return `${error.message}\n\nUse 'sudo ${PROGRAM} ${again}'.\nTo not require root, use 'sudo ${PROGRAM} set --operator=$USER' once.`;
}

/** Whether a word holds a key, after `=` or as the word behind its flag: then it is not repeated on the screen. */
const isKey = (argv: readonly string[], at: number): boolean =>
  /^--?auth-?key=(?!file:)/.test(argv[at] ?? '') ||
  (/^--?auth-?key$/.test(argv[at - 1] ?? '') && argv[at]?.startsWith('file:') !== true);

function valuesOf(flags: readonly Flag[], parsed: Commander): ReadonlyMap<string, FlagValue> {
  const options = new Map(parsed.options.map((option) => [option.name(), option.attributeName()]));
  return new Map(
    flags.map((flag) => {
      const value: unknown = parsed.getOptionValue(options.get(flag.name) ?? flag.name);
      const isValue = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
      return [flag.name, isValue ? value : initialOf(flag)];
    }),
  );
}

function declareRoot(rootFlags: readonly Flag[], commands: readonly Command[], world: World): Commander {
  const root = new Commander(PROGRAM)
    .description('Join a private network of your machines, and look after it.')
    .usage('[--socket path] <command> [flags]')
    .helpOption(false)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: world.out, writeErr: world.err })
    .configureHelp({
      optionTerm: termOf,
      optionDescription: aboutOf,
      subcommandTerm: (command) => command.name(),
      helpWidth: HELP_WIDTH,
    });
  for (const flag of rootFlags) root.addOption(declare(flag));
  for (const command of commands) {
    const one = root
      .command(command.name)
      .summary(command.about)
      .description(
        command.details === undefined ? `${command.about}.` : `${command.about}.\n\n${command.details}`,
      )
      .usage([...(command.flags.length > 0 ? ['[flags]'] : []), command.usage ?? ''].join(' ').trim())
      .allowExcessArguments()
      .helpOption(false);
    for (const flag of command.flags) one.addOption(declare(flag));
  }
  return root;
}

const PLACEHOLDERS = { bool: '[bool]', text: '<text>', int: '<number>', duration: '<duration>' } as const;

/** Booleans take an optional value, so that `--peers=false` needs no second flag. */
function declare(flag: Flag): Option {
  const placeholder =
    flag.value === undefined || flag.kind === 'bool' ? PLACEHOLDERS[flag.kind] : `<${flag.value}>`;
  const initial = initialOf(flag);
  return new Option(`--${flag.name} ${placeholder}`, flag.about)
    .default(initial, flag.kind === 'duration' ? formatDuration(Number(initial)) : String(initial))
    .hideHelp(flag.isHidden === true)
    .argParser((text: string): FlagValue => {
      const value = parseValue(flag, text);
      if (value === undefined) throw new RhumbError('bad-argument', `invalid value for ${dashed(flag.name)}`);
      return value;
    });
}

function termOf(option: Option): string {
  const name = dashed(option.name());
  if (option.optional) return option.defaultValue === true ? `${name}=false` : name;
  return `${name} ${option.flags.slice(option.flags.indexOf(' ') + 1)}`;
}

/** Defaults that say nothing are left out. */
function aboutOf(option: Option): string {
  const initial = option.defaultValueDescription ?? '';
  return ['', 'false', '0', '0s'].includes(initial)
    ? option.description
    : `${option.description} (default ${initial})`;
}
