/** Command lines in the manner of Go's flag package: commands in commands, flags that are given once, values by kind. */
import {
  type Command,
  dashed,
  type Flag,
  type FlagKind,
  type FlagValue,
  FlagValues,
  type Input,
  initialOf,
} from './commands/spec.ts';
import { parseDuration } from './print/duration.ts';
import { nearest } from './print/nearest.ts';

/** A command line, understood: which command, with what. */
export interface Parsed {
  readonly kind: 'parsed';
  readonly rootFlags: FlagValues;
  /** The command and those it is in, outermost first; empty for none. */
  readonly path: readonly Command[];
  readonly input: Input;
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

class Collected {
  readonly declared: readonly Flag[];
  readonly #values = new Map<string, FlagValue>();

  constructor(declared: readonly Flag[]) {
    this.declared = declared;
  }

  take(path: string, flag: Flag, text: string | undefined): void {
    if (text === undefined) throw new Refusal(`${path}: flag ${dashed(flag.name)} needs a value`, 2);
    if (this.#values.has(flag.name)) throw new Refusal(`${path}: flag ${dashed(flag.name)} given twice`, 2);
    const value = parseValue(flag, text);
    if (value === undefined)
      throw new Refusal(
        `${path}: invalid value ${JSON.stringify(text)} for ${dashed(flag.name)}: want ${wanted(flag)}`,
        2,
      );
    this.#values.set(flag.name, value);
  }

  values(): FlagValues {
    const all = this.declared.map(
      (flag) => [flag.name, this.#values.get(flag.name) ?? initialOf(flag)] as const,
    );
    return new FlagValues(new Map(all), new Set(this.#values.keys()));
  }
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
    return new Parse(program, rootFlags, commands).run(argv);
  } catch (error) {
    if (error instanceof Refusal) return { kind: 'refused', message: error.message, exit: error.exit };
    throw error;
  }
}

class Parse {
  readonly #program: string;
  readonly #commands: readonly Command[];
  readonly #root: Collected;
  #own = new Collected([]);
  readonly #path: Command[] = [];
  readonly #args: string[] = [];
  #wantsHelp = false;

  constructor(program: string, rootFlags: readonly Flag[], commands: readonly Command[]) {
    this.#program = program;
    this.#commands = commands;
    this.#root = new Collected(rootFlags);
  }

  run(argv: readonly string[]): Parsed {
    for (let at = 0; at < argv.length; at++) {
      const word = argv[at] ?? '';
      if (word === '--') {
        for (const rest of argv.slice(at + 1)) this.#argument(rest);
        break;
      }
      const token = asFlag(word);
      if (token === undefined) this.#argument(word);
      else if (isHelp(token)) this.#wantsHelp = true;
      else {
        const [flag, into] = this.#flagOf(token.name);
        into.take(this.#words, flag, token.value ?? (flag.kind === 'bool' ? 'true' : argv[++at]));
      }
    }
    if (!this.#wantsHelp) this.#check();
    return {
      kind: 'parsed',
      rootFlags: this.#root.values(),
      path: this.#path,
      input: { flags: this.#own.values(), args: this.#args },
      wantsHelp: this.#wantsHelp,
    };
  }

  /** The program and the commands so far, as the user wrote them. */
  get #words(): string {
    return [this.#program, ...this.#path.map(({ name }) => name)].join(' ');
  }

  get #command(): Command | undefined {
    return this.#path.at(-1);
  }

  #argument(word: string): void {
    const command = this.#command;
    const below = command === undefined ? this.#commands : (command.subcommands ?? []);
    if (below.length > 0 && this.#args.length === 0) {
      const found = below.find(({ name }) => name === word);
      if (found !== undefined) {
        if (this.#own.values().given.size > 0)
          throw new Refusal(`${this.#words}: flags come after ${JSON.stringify(word)}`, 2);
        this.#path.push(found);
        this.#own = new Collected(found.flags);
        return;
      }
      if (word === 'help') {
        this.#wantsHelp = true;
        return;
      }
      // A command that takes arguments itself takes this one.
      if ((command?.maxArgs ?? 0) === 0) throw unknownCommand(this.#words, word, below);
    }
    this.#args.push(word);
  }

  #flagOf(name: string): readonly [Flag, Collected] {
    for (const into of [this.#own, this.#root]) {
      const flag = into.declared.find((one) => one.name === name);
      if (flag !== undefined) return [flag, into];
    }
    const known = [...this.#own.declared, ...this.#root.declared].filter(({ isHidden }) => isHidden !== true);
    const near = nearest(
      name,
      known.map((flag) => flag.name),
    );
    const hint = near === undefined ? `see ${this.#words} --help` : `did you mean ${dashed(near)}?`;
    throw new Refusal(`${this.#words}: unknown flag ${dashed(name)}; ${hint}`, 2);
  }

  #check(): void {
    const command = this.#command;
    if (command === undefined) return;
    if (command.load === undefined) {
      const names = (command.subcommands ?? []).filter(({ isHidden }) => isHidden !== true);
      throw new Refusal(`${this.#words}: missing subcommand: ${names.map(({ name }) => name).join(', ')}`, 1);
    }
    const extra = this.#args.slice(command.maxArgs ?? 0);
    if (extra.length > 0) throw new Refusal(tooMany(this.#words, extra), 1);
  }
}

const tooMany = (path: string, extra: readonly string[]): string =>
  `${path}: too many arguments: ${extra.map((word) => JSON.stringify(word)).join(' ')}`;

function unknownCommand(path: string, word: string, commands: readonly Command[]): Refusal {
  const near = nearest(
    word,
    commands.filter(({ isHidden }) => isHidden !== true).map(({ name }) => name),
  );
  const hint = near === undefined ? `see ${path} --help` : `did you mean ${JSON.stringify(near)}?`;
  return new Refusal(`${path}: unknown subcommand: ${word}; ${hint}`, 1);
}

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
