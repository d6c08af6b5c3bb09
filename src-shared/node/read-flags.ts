/** Reads a program's flags with commander, with Go's spelling and errors of one line. */
import { type Command, CommanderError } from 'commander';

export type Read<T> =
  | { readonly kind: 'read'; readonly flags: T }
  | { readonly kind: 'help'; readonly text: string }
  /** One line for the user. */
  | { readonly kind: 'error'; readonly text: string };

/** `T` is what the program's options make; commander's own parsers must have made it. */
export function readFlags<T extends object>(program: Command, args: readonly string[]): Read<T> {
  let out = '';
  program.exitOverride().configureOutput({
    writeOut: (text) => {
      out += text;
    },
    writeErr: () => undefined,
  });
  try {
    program.parse(args.map(asGiven), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return { kind: 'help', text: out };
    return { kind: 'error', text: oneLine(program.name(), error.message) };
  }
  return { kind: 'read', flags: program.opts<T>() };
}

/** Go's flags may be written with one dash, and short ones with an equals sign. */
const asGiven = (arg: string): string =>
  /^-[a-z][a-z0-9-]+(=|$)/.test(arg) ? `-${arg}` : arg.replace(/^(-[a-z])=/, '$1');

/** `error: unknown option '--hostnam'` and a hint on a second line become one line of ours. */
function oneLine(name: string, message: string): string {
  const text = message
    .replace(/^error: /, '')
    .replaceAll(/\s*\n\s*/g, ' ')
    .replace('(Did you mean ', '(did you mean ');
  return `${name}: ${text.trim()}${text.includes('did you mean') ? '' : `; ${name} --help lists the flags`}`;
}
