/** Entry point of `rhumb`: gives the command line its terminal, clock, environment and files. */
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { systemClock } from '#shared/node/clock.ts';
import { sanitize } from './print/sanitize.ts';
import { run } from './program.ts';

/** A key file has a line; more than this is another file. */
const MAX_FILE = 64 * 1024;

// The reader of a pipe may leave early (`rhumb status | head -1`): then there is nobody left to tell.
process.stdout.on('error', () => process.exit(0));
process.stderr.on('error', () => process.exit(0));

async function readSmallFile(path: string): Promise<string> {
  const content = await readFile(path, 'utf8');
  if (content.length > MAX_FILE) throw new Error('it is too long to be a key');
  return content;
}

async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^\s*y(?:es)?\s*$/i.test(await terminal.question(`${question} [y/n] `));
  } finally {
    terminal.close();
  }
}

// Ctrl-C needs no handler: there is nothing to undo, and without one it ends the program at once.
process.exitCode = await run(process.argv.slice(2), {
  clock: systemClock(),
  out: (text) => {
    process.stdout.write(sanitize(text));
  },
  err: (text) => {
    process.stderr.write(sanitize(text));
  },
  env: process.env,
  platform: process.platform,
  lookup: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  readFile: readSmallFile,
  confirm,
  openProbes: async (options) =>
    (await import('#shared/probing/probes.ts')).openSystemProbes(Math.random)(options),
  writeFile: async (path, content, mode) =>
    (await import('#shared/node/atomic-file.ts')).writeFileAtomic(path, content, mode),
  stdin: process.stdin,
  stdout: process.stdout,
  openUrl: async (url) => (await import('./open-url.ts')).openUrl(url),
  localIps: () => Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address)),
  signal: new AbortController().signal,
  isRoot: process.getuid?.() === 0,
});
