/** Tests of the documents that are made from the table: none is out of date, manual pages have no fault. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Command } from '../commands/spec.ts';
import { rootFlags } from '../table/root.ts';
import { allCommands } from '../table/table.ts';
import { type Manual, manualPages } from './man.ts';
import { reference } from './reference.ts';

const ROOT = join(import.meta.dirname, '../..');
const commands = allCommands('linux');
const manual: Manual = {
  program: 'rhumb',
  version: '1.2.3',
  about: 'Join a private network.',
  rootFlags: rootFlags({}),
  commands,
};

/** All commands with the words that lead to each. */
const every = (all: readonly Command[], before = ''): readonly (readonly [string, Command])[] =>
  all.flatMap((one) => [
    [`${before}${one.name}`, one] as const,
    ...every(one.subcommands ?? [], `${before}${one.name} `),
  ]);

test('the reference is what the table says; run node tools/cli-docs.ts', () => {
  expect(readFileSync(join(ROOT, 'docs/rhumb-reference.md'), 'utf8')).toBe(
    reference(rootFlags({}), commands),
  );
});

test('every command that is shown is told of in docs/rhumb.md', () => {
  const text = readFileSync(join(ROOT, 'docs/rhumb.md'), 'utf8');
  const absent = commands.filter(({ name, isHidden }) => isHidden !== true && !text.includes(`\`${name}`));
  expect(absent.map(({ name }) => name)).toEqual([]);
});

test.each(every(commands))('%s: the table is sound and its code can be loaded', async (_words, command) => {
  expect(command.about).toMatch(/^[A-Z][^\n]*[^.\n]$/);
  const names = command.flags.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const flag of command.flags) expect(flag.about).toMatch(/^(?!\s)[^\n]*[^.\s]$/);
  expect(command.load !== undefined || (command.subcommands ?? []).length > 0).toBe(true);
  if (command.load !== undefined) expect(await command.load()).toBeTypeOf('function');
});

const pages = manualPages(manual);

test.each(pages.map((page) => [page.file, page.text] as const))(
  '%s has what a manual page has',
  (file, text) => {
    expect(text).toMatch(/^\.TH "RHUMB/);
    for (const title of ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'EXIT STATUS', 'SEE ALSO'])
      expect(text, file).toContain(`\n.SH ${title}\n`);
  },
);

/** What a checker of manual pages says about all of ours. */
function complaints(program: string, args: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-man-'));
  try {
    const files = pages.map(({ file, text }) => {
      writeFileSync(join(folder, file), text);
      return join(folder, file);
    });
    const { stderr, stdout } = spawnSync(program, [...args, ...files], { encoding: 'utf8' });
    return program === 'mandoc' ? `${stdout}${stderr}` : stderr;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('groff has nothing to say against the manual pages', ({ skip }) => {
  if (spawnSync('groff', ['--version']).error !== undefined) skip('groff is not here');
  expect(complaints('groff', ['-man', '-ww', '-Tutf8', '-z'])).toBe('');
});

test('mandoc has nothing to say against the manual pages', ({ skip }) => {
  if (spawnSync('mandoc', ['-V']).error !== undefined) skip('mandoc is not here');
  // Builds can be repeated, so there is no date in them.
  const lines = complaints('mandoc', ['-Tlint', '-Wwarning']).split('\n');
  expect(lines.filter((line) => line !== '' && !line.includes('missing date'))).toEqual([]);
});
