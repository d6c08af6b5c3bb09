/** What a command is: its name, flags and action; the values of its flags after parsing. */
import { RhumbError } from '#shared/errors.ts';
import type { Context } from './context.ts';

export type FlagKind = 'bool' | 'text' | 'int' | 'duration';
export type FlagValue = string | number | boolean;

export interface Flag {
  /** Without dashes. */
  readonly name: string;
  readonly kind: FlagKind;
  readonly about: string;
  /** The default: false, '', 0 and 0 ms unless given. */
  readonly initial?: FlagValue;
  /** What the value is, for the help. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly isHidden?: boolean;
  /** What a shell offers as its value. */
  readonly offers?: () => Promise<Offers>;
}

export interface Input {
  readonly flags: FlagValues;
  readonly args: readonly string[];
}

/** What a command does; resolves to the exit status. */
export type Action = (context: Context, input: Input) => Promise<number>;

/** Words that may follow, for a shell; `about` is shown beside the word. */
export interface Offer {
  readonly word: string;
  readonly about?: string;
}
/** Offers for an argument or a value, asked while the user types: it must be quick and may fail. */
export type Offers = (context: Context) => Promise<readonly Offer[]>;

export interface Command {
  readonly name: string;
  readonly about: string;
  /** Positional arguments, for the help: `<host>`; more lines for other ways to use it. */
  readonly usage?: string | readonly string[];
  /** How many positional arguments may be given; none unless said. */
  readonly maxArgs?: number;
  readonly details?: string;
  readonly isHidden?: boolean;
  readonly flags: readonly Flag[];
  readonly subcommands?: readonly Command[];
  /** Loads the code only when it is wanted: most of the time that a command takes is loading. Absent where a subcommand must follow. */
  readonly load?: () => Promise<Action>;
  /** Whether this call needs no daemon; then no client of its API is loaded. */
  readonly isOffline?: (input: Input) => boolean;
  /** What may stand as the next argument, by its position. */
  readonly offers?: (position: number) => Promise<Offers> | undefined;
}

/** `-c` for one letter, `--json` for more. */
export const dashed = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`);

export const initialOf = (flag: Flag): FlagValue =>
  flag.initial ?? { bool: false, text: '', int: 0, duration: 0 }[flag.kind];

/** The flags of one call: every declared one has a value, those on the command line are `given`. */
export class FlagValues {
  readonly #values: ReadonlyMap<string, FlagValue>;
  readonly given: ReadonlySet<string>;

  constructor(values: ReadonlyMap<string, FlagValue>, given: ReadonlySet<string>) {
    this.#values = values;
    this.given = given;
  }

  bool(name: string): boolean {
    return this.#get(name) === true;
  }

  text(name: string): string {
    return String(this.#get(name));
  }

  /** An int as it is, a duration in milliseconds. */
  number(name: string): number {
    return Number(this.#get(name));
  }

  /** For flags that only some commands have. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  #get(name: string): FlagValue {
    const value = this.#values.get(name);
    if (value === undefined) throw new RhumbError('internal', `flag --${name} is not declared`);
    return value;
  }
}

/** The flags of a command with defaults, except those given; for tests and for commands that call others. */
export function flagValues(
  flags: readonly Flag[],
  given: Readonly<Record<string, FlagValue>> = {},
): FlagValues {
  const values = new Map(flags.map((flag) => [flag.name, given[flag.name] ?? initialOf(flag)]));
  return new FlagValues(values, new Set(Object.keys(given)));
}
