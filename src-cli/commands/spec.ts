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
}

export interface Input {
  readonly flags: FlagValues;
  readonly args: readonly string[];
}

export interface Command {
  readonly name: string;
  readonly about: string;
  /** Positional arguments, for the help: `<host>`. */
  readonly usage?: string;
  /** How many positional arguments may be given; none unless said. */
  readonly maxArgs?: number;
  readonly details?: string;
  readonly flags: readonly Flag[];
  /** Resolves to the exit status. */
  readonly run: (context: Context, input: Input) => Promise<number>;
}

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
