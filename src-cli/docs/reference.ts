/** docs/rhumb-reference.md: every command with its flags, from the table of commands. */
import type { Command, Flag } from '../commands/spec.ts';
import { flagAbout, flagTerm } from './flag-text.ts';

const isShown = ({ isHidden }: { readonly isHidden?: boolean }): boolean => isHidden !== true;
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;

function flagTable(flags: readonly Flag[]): readonly string[] {
  const shown = flags.filter(isShown);
  if (shown.length === 0) return [];
  const rows = shown.map((flag) => `| ${code(flagTerm(flag))} | ${cell(flagAbout(flag))} |`);
  return ['', '| Flag | Meaning |', '|---|---|', ...rows];
}

function describe(words: string, command: Command): readonly string[] {
  const flags = command.flags.some(isShown) ? ' [flags]' : '';
  const usages =
    command.load === undefined
      ? []
      : [command.usage ?? ''].flat().map((usage) => `${words}${flags} ${usage}`.trimEnd());
  return [
    '',
    `## ${words.replace(/^rhumb /, '')}`,
    '',
    `${command.about}.${command.details === undefined ? '' : ` ${command.details}`}`,
    ...(usages.length === 0 ? [] : ['', '```', ...usages, '```']),
    ...flagTable(command.flags),
    ...(command.subcommands ?? []).filter(isShown).flatMap((one) => describe(`${words} ${one.name}`, one)),
  ];
}

export const reference = (rootFlags: readonly Flag[], commands: readonly Command[]): string =>
  [
    '# `rhumb`: all commands and flags',
    '',
    'Made by `node tools/cli-docs.ts` from the table of commands (Linux); what they are for is told in',
    '[rhumb.md](rhumb.md). Every command also takes:',
    ...flagTable(rootFlags),
    ...commands.filter(isShown).flatMap((command) => describe(`rhumb ${command.name}`, command)),
    '',
  ].join('\n');
