/** The text of `--help`: how a command is used, its subcommands, its flags. */
import type { Command, Flag } from './commands/spec.ts';
import { flagAbout, flagTerm } from './docs/flag-text.ts';

const WIDTH = 100;
/** Names longer than this get a line of their own. */
const MAX_TERM = 34;

/** Breaks text at blanks so that no line is longer than `width`, where words allow it. */
export function wrap(text: string, width: number): readonly string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    return [...lines, line];
  });
}

interface Row {
  readonly term: string;
  readonly about: string;
}

function rows(title: string, items: readonly Row[]): string {
  if (items.length === 0) return '';
  const column = Math.min(MAX_TERM, Math.max(...items.map(({ term }) => term.length))) + 2;
  const lines = items.flatMap(({ term, about }) => {
    const text = wrap(about, WIDTH - column - 2);
    const fits = term.length + 2 <= column;
    const [first = '', ...rest] = fits ? text : ['', ...text];
    return [
      `  ${fits ? term.padEnd(column) : term}${first}`.trimEnd(),
      ...rest.map((line) => `  ${' '.repeat(column)}${line}`),
    ];
  });
  return `\n${title}:\n${lines.join('\n')}\n`;
}

const isShown = ({ isHidden }: { readonly isHidden?: boolean }): boolean => isHidden !== true;

/** Each way to write the command, in full: `rhumb dns query [flags] <name> [type]`. */
export function usages(words: string, command: Command): readonly string[] {
  const flags = command.flags.some(isShown) ? ['[flags]'] : [];
  const own =
    command.load === undefined
      ? []
      : [command.usage ?? ''].flat().map((usage) => [words, ...flags, usage].join(' ').trim());
  const below = command.subcommands?.some(isShown) === true ? [`${words} <command>`] : [];
  return [...own, ...below];
}

const commandRows = (commands: readonly Command[]): readonly Row[] =>
  commands.filter(isShown).map(({ name, about }) => ({ term: name, about }));
const flagRows = (flags: readonly Flag[]): readonly Row[] =>
  flags.filter(isShown).map((flag) => ({ term: flagTerm(flag), about: flagAbout(flag) }));

export function commandHelp(words: string, command: Command): string {
  const details = command.details === undefined ? '' : `\n${wrap(command.details, WIDTH).join('\n')}\n`;
  return [
    usages(words, command)
      .map((line, at) => `${at === 0 ? 'Usage: ' : '       '}${line}\n`)
      .join(''),
    `\n${command.about}.\n`,
    details,
    rows('Commands', commandRows(command.subcommands ?? [])),
    rows('Flags', flagRows(command.flags)),
  ].join('');
}

export function rootHelp(program: string, flags: readonly Flag[], commands: readonly Command[]): string {
  return [
    `Usage: ${program} [--socket path] <command> [flags]\n`,
    '\nJoin a private network of your machines, and look after it.\n',
    rows('Flags', flagRows(flags)),
    rows('Commands', commandRows(commands)),
    `\nFor one command: ${program} status --help\n`,
  ].join('');
}
