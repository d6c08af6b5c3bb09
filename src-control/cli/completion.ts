/** `completion bash|zsh|fish`: what a shell offers after each word, made of the commands as they are. */
import type { Command, Option } from 'commander';
import { RhumbError } from '#shared/errors.ts';
import { group } from './command.ts';
import type { Io } from './context.ts';

interface Offer {
  readonly word: string;
  readonly what: string;
}

/** One command: the words that lead to it, with a blank before each, and what may follow. */
interface Place {
  readonly ways: readonly string[];
  readonly commands: readonly Offer[];
  readonly options: readonly Option[];
}

const NAME = 'rhumb-control';

export function completionCommand(io: Io, program: () => Command): Command {
  const shells: Readonly<Record<string, (places: readonly Place[]) => string>> = { bash, zsh, fish };
  return group('completion', 'print what makes a shell complete the commands')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText(
      'after',
      [
        '\nbash: rhumb-control completion bash > /etc/bash_completion.d/rhumb-control',
        'zsh:  rhumb-control completion zsh > /usr/share/zsh/site-functions/_rhumb-control',
        'fish: rhumb-control completion fish > ~/.config/fish/completions/rhumb-control.fish',
      ].join('\n'),
    )
    .action((shell: string) => {
      const script = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
      if (script === undefined)
        throw new RhumbError('bad-argument', `there is no completion for "${shell}": use bash, zsh or fish`);
      io.out(script(placesOf(program())));
    });
}

/** The command itself first, then all below it. */
function placesOf(command: Command, ways: readonly string[] = ['']): readonly Place[] {
  const place: Place = {
    ways,
    commands: command.commands.map((one) => ({ word: one.name(), what: one.description() })),
    options: command.options.filter(({ hidden }) => !hidden),
  };
  const below = command.commands.flatMap((one) =>
    placesOf(
      one,
      ways.flatMap((way) => [one.name(), ...one.aliases()].map((name) => `${way} ${name}`)),
    ),
  );
  return [place, ...below];
}

/** Names are words, descriptions are anything: in single quotes nothing in them means anything to a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const pattern = (ways: readonly string[]): string => ways.map(quoted).join('|');

/** How the words before the cursor become a place; `given` lists them. */
const walk = (places: readonly Place[], given: string): readonly string[] => [
  `  for word in ${given}; do`,
  '    case "$place $word" in',
  `      ${pattern(places.flatMap(({ ways }) => ways).filter((way) => way !== ''))}) place="$place $word" ;;`,
  '    esac',
  '  done',
];

const flagsOf = ({ long, short }: Option): readonly string[] =>
  [long, short].filter((flag): flag is string => flag !== undefined && flag !== null);

function bash(places: readonly Place[]): string {
  const cases = places.map(({ ways, commands, options }) => {
    const words = [...commands.map(({ word }) => word), ...options.flatMap(flagsOf), '--help'];
    return `    ${pattern(ways)}) offers=${quoted(words.join(' '))} ;;`;
  });
  return [
    `# ${NAME}: completion for bash`,
    '_rhumb_control() {',
    "  local word place='' offers='' current=\"$2\"",
    ...walk(places, `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`),
    '  case "$place" in',
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$offers" -- "$current"))',
    '}',
    `complete -o default -F _rhumb_control ${NAME}`,
  ].join('\n');
}

/** A colon parts the word from what it is. */
const described = (word: string, what: string): string => quoted(`${word}:${what.replaceAll(':', '\\:')}`);

function zsh(places: readonly Place[]): string {
  const cases = places.map(({ ways, commands, options }) => {
    const offers = [
      ...commands.map(({ word, what }) => described(word, what)),
      ...options.flatMap((option) => flagsOf(option).map((flag) => described(flag, option.description))),
    ];
    return `    ${pattern(ways)}) offers=(${offers.join(' ')}) ;;`;
  });
  return [
    `#compdef ${NAME}`,
    '_rhumb_control() {',
    "  local word place=''",
    '  local -a offers',
    ...walk(places, `"\${(@)words[2,CURRENT-1]}"`),
    '  case "$place" in',
    ...cases,
    '  esac',
    "  _describe 'rhumb-control' offers || _files",
    '}',
    'if [ "$funcstack[1]" = "_rhumb-control" ]; then _rhumb_control "$@"; else compdef _rhumb_control rhumb-control; fi',
  ].join('\n');
}

/** There a backslash means something in quotes. */
const fishQuoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function fish(places: readonly Place[]): string {
  const all = places.flatMap(({ ways }) => ways).filter((way) => way !== '');
  const lines = places.flatMap(({ ways, commands, options }) => {
    const at = `complete -c ${NAME} -n ${fishQuoted(`__rhumb_control_at ${ways.map(fishQuoted).join(' ')}`)}`;
    return [
      ...commands.map(({ word, what }) => `${at} -f -a ${word} -d ${fishQuoted(what)}`),
      ...options.map((option) => `${at}${fishFlags(option)} -d ${fishQuoted(option.description)}`),
    ];
  });
  return [
    `# ${NAME}: completion for fish`,
    'function __rhumb_control_at',
    `    set -l known ${all.map(fishQuoted).join(' ')}`,
    "    set -l place ''",
    '    set -l given (commandline -opc)',
    '    for word in $given[2..-1]',
    '        if contains -- "$place $word" $known',
    '            set place "$place $word"',
    '        end',
    '    end',
    '    contains -- "$place" $argv',
    'end',
    ...lines,
  ].join('\n');
}

const fishFlags = ({ long, short, required, optional }: Option): string =>
  [
    long === undefined || long === null ? '' : ` -l ${long.slice(2)}`,
    short === undefined || short === null ? '' : ` -s ${short.slice(1)}`,
    required || optional ? ' -r' : '',
  ].join('');
