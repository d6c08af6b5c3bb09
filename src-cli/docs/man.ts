/** Manual pages in roff, from the table of commands: `rhumb(1)` and one for each command. */
import { type Command, dashed, type Flag } from '../commands/spec.ts';
import { flagAbout } from './flag-text.ts';

export interface Page {
  /** `rhumb-up.1`. */
  readonly file: string;
  readonly text: string;
}

export interface Manual {
  readonly program: string;
  readonly version: string;
  readonly about: string;
  readonly rootFlags: readonly Flag[];
  readonly commands: readonly Command[];
}

const isShown = ({ isHidden }: { readonly isHidden?: boolean }): boolean => isHidden !== true;

/** Text as roff prints it: no word is a request, a hyphen in a word to type is a hyphen. */
const plain = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('’', "'")
    .replaceAll('…', '...')
    .replace(/`([^`]*)`/g, '\\fB$1\\fR')
    .split('\n')
    .map((line) => (/^[.']/.test(line) ? `\\&${line}` : line))
    .join('\n');

/** The argument of a macro, in quotes. */
const quoted = (text: string): string => `"${plain(text).replaceAll('"', '\\(dq')}"`;

const head = ({ version }: Manual, name: string): string =>
  `.TH ${quoted(name.toUpperCase())} 1 "" ${quoted(`Rhumb ${version}`)} "User Commands"\n.nh\n.ad l\n`;

const section = (title: string, body: string): string => (body === '' ? '' : `.SH ${title}\n${body}`);

/** `--timeout` in bold, what the value is in italics. */
function flagTag(flag: Flag): string {
  const name = `\\fB${plain(dashed(flag.name))}`;
  if (flag.kind === 'bool') return `${name}${flag.initial === true ? '=false' : ''}\\fR`;
  return `${name}\\fR \\fI${plain(flag.value ?? flag.kind)}\\fR`;
}

const flagItems = (flags: readonly Flag[]): string =>
  flags
    .filter(isShown)
    .map((flag) => `.TP\n${flagTag(flag)}\n${plain(sentence(flagAbout(flag)))}\n`)
    .join('');

const sentence = (text: string): string => {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.)]$/.test(begun) ? begun : `${begun}.`;
};

function synopsis(words: string, command: Command): readonly string[] {
  const flags = command.flags.some(isShown) ? ' [\\fIflags\\fR]' : '';
  if (command.load === undefined) return [];
  return [command.usage ?? '']
    .flat()
    .map((usage) => `\\fB${plain(words)}\\fR${flags} ${plain(usage)}`.trimEnd());
}

/** The command and those in it, outermost first. */
function everything(words: string, command: Command): readonly { words: string; command: Command }[] {
  const below = (command.subcommands ?? []).filter(isShown);
  return [{ words, command }, ...below.flatMap((one) => everything(`${words} ${one.name}`, one))];
}

function page(manual: Manual, command: Command): Page {
  const words = `${manual.program} ${command.name}`;
  const name = `${manual.program}-${command.name}`;
  const [, ...below] = everything(words, command);
  const usage = everything(words, command).flatMap((one) => synopsis(one.words, one.command));
  const subcommands = below.map(
    (one) =>
      `.SS ${quoted(one.words)}\n${plain(`${one.command.about}.`)}\n${details(one.command)}${flagItems(one.command.flags)}`,
  );
  return {
    file: `${name}.1`,
    text: [
      head(manual, name),
      section(
        'NAME',
        `${plain(name)} \\- ${plain(command.about.charAt(0).toLowerCase() + command.about.slice(1))}\n`,
      ),
      section('SYNOPSIS', usage.map((line) => `${line}\n`).join('.br\n')),
      section('DESCRIPTION', `${plain(`${command.about}.`)}\n${details(command)}`),
      section('OPTIONS', flagItems(command.flags)),
      section('SUBCOMMANDS', subcommands.join('')),
      section('EXIT STATUS', EXIT),
      section('SEE ALSO', `.BR ${plain(manual.program)} (1)\n`),
    ].join(''),
  };
}

const details = ({ details: text }: Command): string => (text === undefined ? '' : `.PP\n${plain(text)}\n`);

const EXIT =
  '0 when it did what it was asked for; 1 when it could not, with the reason on standard error; 2 when a flag is\n' +
  'unknown, malformed or given twice.\n';

function overview(manual: Manual): Page {
  const { program, about, rootFlags, commands } = manual;
  const items = commands
    .filter(isShown)
    .map(({ name, about: what }) => `.TP\n.BR ${plain(`${program}-${name}`)} (1)\n${plain(`${what}.`)}\n`);
  return {
    file: `${program}.1`,
    text: [
      head(manual, program),
      section(
        'NAME',
        `${plain(program)} \\- ${plain(about.charAt(0).toLowerCase() + about.slice(1).replace(/\.$/, ''))}\n`,
      ),
      section(
        'SYNOPSIS',
        `\\fB${plain(program)}\\fR [\\fB\\-\\-socket\\fR \\fIpath\\fR] \\fIcommand\\fR [\\fIflags\\fR]\n`,
      ),
      section(
        'DESCRIPTION',
        `${plain(`\`${program}\` tells rhumbd, the daemon on this machine, what to do and shows what it knows.`)}\n` +
          `${plain('Flags take one dash or two; durations are written 500ms, 5s, 1m30s, 2h.')}\n`,
      ),
      section('OPTIONS', flagItems(rootFlags)),
      section('COMMANDS', items.join('')),
      section('EXIT STATUS', EXIT),
      section('ENVIRONMENT', '.TP\n.B RHUMB_SOCKET\nSocket of rhumbd, where no flag names another.\n'),
      section('SEE ALSO', `.BR ${plain(`${program}-up`)} (1),\n.BR ${plain(`${program}-status`)} (1)\n`),
    ].join(''),
  };
}

/** All pages, the overview first. */
export const manualPages = (manual: Manual): readonly Page[] => [
  overview(manual),
  ...manual.commands.filter(isShown).map((command) => page(manual, command)),
];
