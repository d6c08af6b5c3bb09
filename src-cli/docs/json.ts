/** All commands and flags as JSON, for programs that document them. */
import type { Command, Flag } from '../commands/spec.ts';
import { goJson } from '../print/go-json.ts';

const isShown = ({ isHidden }: { readonly isHidden?: boolean }): boolean => isHidden !== true;

interface FlagDoc {
  readonly Name: string;
  readonly Desc: string;
}
interface CommandDoc {
  readonly Name: string;
  readonly Desc: string;
  readonly Subcommands?: readonly CommandDoc[];
  readonly Flags?: readonly FlagDoc[];
}

function doc(name: string, desc: string, commands: readonly Command[], flags: readonly Flag[]): CommandDoc {
  const below = commands.filter(isShown);
  const shown = flags.filter(isShown);
  return {
    Name: name,
    Desc: desc,
    ...(below.length > 0 && {
      Subcommands: below.map((one) =>
        doc(one.name, one.details ?? one.about, one.subcommands ?? [], one.flags),
      ),
    }),
    ...(shown.length > 0 && { Flags: shown.map(({ name: Name, about: Desc }) => ({ Name, Desc })) }),
  };
}

export const jsonDocs = (program: string, flags: readonly Flag[], commands: readonly Command[]): string =>
  `${goJson(doc(program, 'Join a private network of your machines, and look after it.', commands, flags), '')}\n`;
