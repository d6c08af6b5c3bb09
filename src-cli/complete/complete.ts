/** `rhumb completion __complete`: what may stand where the cursor is. Shells read a word a line and then what to do with them. */
import { type Context, withTimeout } from '../commands/context.ts';
import { type Action, type Command, dashed, type Flag, type Offer, type Offers } from '../commands/spec.ts';

/** What the shell is to do, as bits: the scripts of other programs know the same ones. */
const FAILED = 1;
const NO_FILES = 4;

/** Who types does not wait longer. */
const PATIENCE_MS = 1_500;

interface Place {
  /** Commands that may follow. */
  readonly commands: readonly Command[];
  readonly flags: readonly Flag[];
  readonly given: ReadonlySet<string>;
  readonly command: Command | undefined;
  /** How many arguments stand before the cursor. */
  readonly position: number;
  /** The flag whose value is typed. */
  readonly awaiting: Flag | undefined;
}

/** `rhumb completion __complete`. */
export const complete: Action = async (context, { flags, args }) => {
  const typed = args.at(-1) ?? '';
  const place = placeOf(context, args.slice(0, -1));
  const { offers, failed } = await offersAt(context, place, typed, flags.bool('flags'));
  const shown = offers.filter(({ word }) => word.startsWith(typed));
  for (const { word, about } of shown)
    context.out(flags.bool('descs') && about !== undefined ? `${word}\t${about}\n` : `${word}\n`);
  const isPath = place.awaiting !== undefined && takesFile(place.awaiting);
  context.out(`:${failed ? FAILED : isPath || takesFileArgument(place) ? 0 : NO_FILES}\n`);
  return 0;
};

const FILE_FLAGS: readonly string[] = ['socket', 'auth-key', 'o'];
const takesFile = ({ name }: Flag): boolean => FILE_FLAGS.includes(name);
const FILE_COMMANDS: readonly string[] = ['write', 'stat'];
const takesFileArgument = ({ command }: Place): boolean => FILE_COMMANDS.includes(command?.name ?? '');

/** Reads what is before the cursor, forgiving what is wrong: it is not finished. */
function placeOf({ commands, rootFlags }: Context, words: readonly string[]): Place {
  let below = commands;
  let flags = rootFlags;
  let command: Command | undefined;
  let position = 0;
  let awaiting: Flag | undefined;
  const given = new Set<string>();
  for (const word of words) {
    if (awaiting !== undefined) {
      awaiting = undefined;
      continue;
    }
    const name = /^--?([^-=][^=]*)(=)?/.exec(word);
    if (name?.[1] !== undefined) {
      const flag = [...flags, ...rootFlags].find((one) => one.name === name[1]);
      given.add(name[1]);
      if (flag !== undefined && flag.kind !== 'bool' && name[2] === undefined) awaiting = flag;
      continue;
    }
    const found = position === 0 ? below.find((one) => one.name === word) : undefined;
    if (found === undefined) position++;
    else {
      command = found;
      below = found.subcommands ?? [];
      flags = found.flags;
    }
  }
  return { commands: position === 0 ? below : [], flags, given, command, position, awaiting };
}

interface Found {
  readonly offers: readonly Offer[];
  readonly failed: boolean;
}

async function offersAt(context: Context, place: Place, typed: string, withFlags: boolean): Promise<Found> {
  const value = /^(--?([^-=][^=]*)=)/.exec(typed);
  if (place.awaiting !== undefined) return await valuesOf(context, place.awaiting, '');
  if (value?.[1] !== undefined) {
    const flag = place.flags.find((one) => one.name === value[2]);
    return flag === undefined ? { offers: [], failed: false } : await valuesOf(context, flag, value[1]);
  }
  // A command that there is not takes nothing.
  if (place.command === undefined && place.position > 0) return { offers: [], failed: false };
  const flags = withFlags && (typed.startsWith('-') || place.commands.length === 0) ? flagOffers(place) : [];
  if (typed.startsWith('-')) return { offers: flags, failed: false };
  const commands = place.commands
    .filter(({ isHidden }) => isHidden !== true)
    .map(({ name, about }): Offer => ({ word: name, about }));
  const asked = place.command?.offers?.(place.position);
  const dynamic = asked === undefined ? { offers: [], failed: false } : await ask(context, await asked);
  return { offers: [...commands, ...dynamic.offers, ...flags], failed: dynamic.failed };
}

const flagOffers = ({ flags, given }: Place): readonly Offer[] =>
  flags
    .filter(({ name, isHidden }) => isHidden !== true && !given.has(name))
    .map(({ name, about }) => ({ word: dashed(name), about }));

async function valuesOf(context: Context, flag: Flag, before: string): Promise<Found> {
  const fixed = flag.choices ?? (flag.kind === 'bool' ? ['true', 'false'] : []);
  const dynamic: Found =
    flag.offers === undefined ? { offers: [], failed: false } : await ask(context, await flag.offers());
  const offers = [...fixed.map((word): Offer => ({ word })), ...dynamic.offers];
  return {
    offers: offers.map(({ word, about }) => ({
      word: `${before}${word}`,
      ...(about !== undefined && { about }),
    })),
    failed: dynamic.failed,
  };
}

/**
 * Shells put words into the command line as they are. Those that come from elsewhere are names of other people's machines: a
 * blank, a quote or a dollar in one would have the shell do something else, and a dash in front would make it a flag.
 */
const PLAIN = /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}._:@+%/=,-]*$/u;
const plain = (offers: readonly Offer[]): readonly Offer[] =>
  offers
    .filter(({ word }) => PLAIN.test(word))
    .map(({ word, about }) =>
      about === undefined ? { word } : { word, about: about.replace(/\p{Cc}+/gu, ' ') },
    );

/** A daemon that doesn't answer has nothing to offer; an error in the middle of typing would only be in the way. */
async function ask(context: Context, offers: Offers): Promise<Found> {
  try {
    const found = await withTimeout(context, PATIENCE_MS, (signal) =>
      offers({ ...context, signal, api: context.api }),
    );
    return { offers: plain(found ?? []), failed: found === undefined };
  } catch {
    return { offers: [], failed: true };
  }
}
