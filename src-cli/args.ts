/** Command lines in the manner of Go's flag package, turned into the strict form that commander reads. */
import type { Command, Flag, FlagKind, FlagValue } from './commands/spec.ts';
import { parseDuration } from './print/duration.ts';

/** A command line whose flags are all `--name=value`, each at most once, in front of the positional arguments. */
export interface Parsed {
  readonly kind: 'parsed';
  /** Root flags, then the command with its flags, then its arguments; undefined command for none. */
  readonly rootArgs: readonly string[];
  readonly command: Command | undefined;
  readonly commandArgs: readonly string[];
  readonly given: ReadonlySet<string>;
  readonly wantsHelp: boolean;
}

/** One line for the user, and the exit status: 2 for flags, 1 for commands, as the official client has it. */
export interface Refused {
  readonly kind: 'refused';
  readonly message: string;
  readonly exit: 1 | 2;
}

/** Old names that scripts still use. */
const ALIASES: Readonly<Record<string, string>> = {
  authkey: 'auth-key',
  'posture-checking': 'report-posture',
};

interface Token {
  readonly name: string;
  readonly value: string | undefined;
}

/** `-x`, `--x`, `-x=v`, `--x=v`; undefined for anything else. A lone `-` is an argument. */
function asFlag(word: string): Token | undefined {
  const match = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/.exec(word);
  if (match?.[1] === undefined) return undefined;
  return { name: ALIASES[match[1]] ?? match[1], value: match[2] };
}

const isHelp = (token: Token): boolean => token.name === 'h' || token.name === 'help';

class Refusal extends Error {
  readonly exit: 1 | 2;
  constructor(message: string, exit: 1 | 2) {
    super(message);
    this.exit = exit;
  }
}

interface Collected {
  readonly flags: string[];
  readonly given: Set<string>;
}
interface Both {
  readonly root: Collected;
  readonly own: Collected;
}

/** Splits a command line by what the root and the commands declare. Flags and arguments may come in any order. */
export function parseArgs(
  program: string,
  argv: readonly string[],
  rootFlags: readonly Flag[],
  commands: readonly Command[],
): Parsed | Refused {
  const [first] = argv;
  if (argv.length === 1 && (first === '-V' || first === '--version'))
    return parseArgs(program, ['version'], rootFlags, commands);
  try {
    return split(program, argv, rootFlags, commands);
  } catch (error) {
    if (error instanceof Refusal) return { kind: 'refused', message: error.message, exit: error.exit };
    throw error;
  }
}

function split(
  program: string,
  argv: readonly string[],
  rootFlags: readonly Flag[],
  commands: readonly Command[],
): Parsed {
  const into: Both = { root: { flags: [], given: new Set() }, own: { flags: [], given: new Set() } };
  const positional: string[] = [];
  let command: Command | undefined;
  let wantsHelp = false;
  const path = (): string => (command === undefined ? program : `${program} ${command.name}`);
  const argument = (word: string): void => {
    if (command !== undefined) positional.push(word);
    else if (word === 'help') wantsHelp = true;
    else command = commandOf(program, word, commands);
  };

  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') {
      for (const rest of argv.slice(at + 1)) argument(rest);
      break;
    }
    const token = asFlag(word);
    if (token === undefined) {
      argument(word);
    } else if (isHelp(token)) {
      wantsHelp = true;
    } else {
      const [flag, target] = flagOf(path(), token.name, rootFlags, command, into);
      take(path(), flag, token.value ?? (flag.kind === 'bool' ? 'true' : argv[++at]), target);
    }
  }
  const extra = positional.slice(command?.maxArgs ?? 0);
  if (extra.length > 0 && !wantsHelp) throw new Refusal(tooMany(path(), extra), 1);
  return {
    kind: 'parsed',
    rootArgs: into.root.flags,
    command,
    commandArgs: [...into.own.flags, ...(positional.length > 0 ? ['--', ...positional] : [])],
    given: into.own.given,
    wantsHelp,
  };
}

const tooMany = (path: string, extra: readonly string[]): string =>
  `${path}: too many arguments: ${extra.map((word) => JSON.stringify(word)).join(' ')}`;

function commandOf(program: string, word: string, commands: readonly Command[]): Command {
  const found = commands.find((command) => command.name === word);
  if (found !== undefined) return found;
  const near = nearest(
    word,
    commands.map((command) => command.name),
  );
  const hint = near === undefined ? `see ${program} --help` : `did you mean ${JSON.stringify(near)}?`;
  throw new Refusal(`${program}: unknown subcommand: ${word}; ${hint}`, 1);
}

function flagOf(
  path: string,
  name: string,
  rootFlags: readonly Flag[],
  command: Command | undefined,
  into: Both,
): readonly [Flag, Collected] {
  const own = command?.flags.find((flag) => flag.name === name);
  if (own !== undefined) return [own, into.own];
  const root = rootFlags.find((flag) => flag.name === name);
  if (root !== undefined) return [root, into.root];
  const known = [...(command?.flags ?? []), ...rootFlags].filter((flag) => flag.isHidden !== true);
  const near = nearest(
    name,
    known.map((flag) => flag.name),
  );
  const hint = near === undefined ? `see ${path} --help` : `did you mean ${dashed(near)}?`;
  throw new Refusal(`${path}: unknown flag ${dashed(name)}; ${hint}`, 2);
}

function take(path: string, flag: Flag, value: string | undefined, into: Collected): void {
  if (value === undefined) throw new Refusal(`${path}: flag ${dashed(flag.name)} needs a value`, 2);
  if (into.given.has(flag.name)) throw new Refusal(`${path}: flag ${dashed(flag.name)} given twice`, 2);
  const parsed = parseValue(flag, value);
  if (parsed === undefined)
    throw new Refusal(
      `${path}: invalid value ${JSON.stringify(value)} for ${dashed(flag.name)}: want ${wanted(flag)}`,
      2,
    );
  into.given.add(flag.name);
  into.flags.push(`--${flag.name}=${value}`);
}

/** `-c` for one letter, `--json` for more. */
export const dashed = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`);

const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

/** The value of a flag; undefined when the text is none of its kind. */
export function parseValue(flag: Flag, text: string): FlagValue | undefined {
  switch (flag.kind) {
    case 'bool':
      return TRUE.includes(text) ? true : FALSE.includes(text) ? false : undefined;
    case 'int':
      return /^[+-]?\d{1,9}$/.test(text) && Number(text) >= 0 ? Number(text) : undefined;
    case 'duration': {
      const ms = parseDuration(text);
      return ms === undefined || ms < 0 || ms > MAX_DURATION_MS ? undefined : ms;
    }
    case 'text':
      return flag.choices === undefined || flag.choices.includes(text) ? text : undefined;
    default:
      return flag.kind satisfies never;
  }
}

/** What timers can wait for. */
const MAX_DURATION_MS = 2_147_483_647;

function wanted(flag: Flag): string {
  const words: Readonly<Record<FlagKind, string>> = {
    bool: 'true or false',
    int: 'a number',
    duration: 'a duration such as 5s or 1m30s',
    text: 'text',
  };
  return flag.choices === undefined ? words[flag.kind] : `one of ${flag.choices.join(', ')}`;
}

/** Insertions, deletions, changes and swaps of neighbours that turn one word into the other. */
function distance(a: string, b: string): number {
  const rows: number[][] = [];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 0; i <= a.length; i++) {
    const row: number[] = [];
    rows.push(row);
    for (let j = 0; j <= b.length; j++) {
      if (i === 0 || j === 0) {
        row.push(i + j);
        continue;
      }
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, at(i - 2, j - 2) + 1);
      row.push(best);
    }
  }
  return at(a.length, b.length);
}

const MAX_WORD = 64;

/** The name that was most likely meant; undefined when none is near. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  if (word.length > MAX_WORD) return undefined;
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 2)) + 1;
  for (const name of names) {
    // Half a word typed is near, however long the rest is.
    const isStart = word.length >= 3 && name.startsWith(word);
    const found = isStart ? 1 : distance(word, name);
    if (found < least) [best, least] = [name, found];
  }
  return best;
}
