/** The command line as a whole: finds the command, loads and runs it, turns errors into one line and a status. */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { LocalApi } from '#shared/node/localapi-client.ts';
import { VERSION } from '#shared/version.ts';
import { parseArgs } from './args.ts';
import type { Context } from './commands/context.ts';
import type { Command, Input } from './commands/spec.ts';
import { shellQuote } from './print/shell.ts';
import { rootFlags } from './table/root.ts';
import { allCommands } from './table/table.ts';

const PROGRAM = 'rhumb';
/** The world, without what the command line itself decides. */
export interface World extends Omit<Context, 'api' | 'socketPath' | 'commands' | 'rootFlags'> {
  readonly clock: Clock;
  readonly dialRetryMs?: number | undefined;
}

/** Runs one command line; resolves to the exit status. Never rejects. */
export async function run(argv: readonly string[], world: World): Promise<number> {
  const commands = allCommands(world.platform);
  const root = rootFlags(world.env);
  const parsed = parseArgs(PROGRAM, argv, root, commands);
  if (parsed.kind === 'refused') {
    world.err(`${parsed.message}\n`);
    return parsed.exit;
  }
  const { path, input, wantsHelp } = parsed;
  const command = path.at(-1);
  try {
    if (parsed.rootFlags.bool('json-docs')) {
      const { jsonDocs } = await import('./docs/json.ts');
      world.out(jsonDocs(PROGRAM, root, commands));
      return 0;
    }
    if (wantsHelp || command?.load === undefined) {
      const help = await import('./help.ts');
      const words = [PROGRAM, ...path.map(({ name }) => name)].join(' ');
      const text =
        command === undefined ? help.rootHelp(PROGRAM, root, commands) : help.commandHelp(words, command);
      // Asked for, help is the output; without a command it is a hint.
      if (wantsHelp) world.out(text);
      else world.err(text);
      return 0;
    }
    const seen: Seen = { commands, rootFlags: root, socketPath: parsed.rootFlags.text('socket') };
    return await perform(world, command, input, seen);
  } catch (error) {
    world.err(`${explain(error, argv, world)}\n`);
    return 1;
  }
}

type Seen = Pick<Context, 'commands' | 'rootFlags' | 'socketPath'>;

async function perform(world: World, command: Command, input: Input, seen: Seen): Promise<number> {
  const loading = command.load?.();
  if (command.isOffline?.(input) === true) {
    const action = await loading;
    const context: Context = {
      ...world,
      ...seen,
      get api(): LocalApi {
        throw new RhumbError('internal', `${command.name} said that it needs no daemon`);
      },
    };
    return (await action?.(context, input)) ?? 0;
  }
  const [{ LocalApi }, action] = await Promise.all([import('#shared/node/localapi-client.ts'), loading]);
  using api: LocalApi = new LocalApi({
    socketPath: seen.socketPath,
    clock: world.clock,
    dialRetryMs: world.dialRetryMs,
    onDaemonVersion: (version) => {
      if (version !== VERSION)
        world.err(
          `Warning: client version ${JSON.stringify(VERSION)} != rhumbd server version ${JSON.stringify(version)}\n`,
        );
    },
  });
  return (await action?.({ ...world, ...seen, api }, input)) ?? 0;
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
