/** What a program writes, line by line, fit for a page: bounded, and without characters that do something. */
import { StringDecoder } from 'node:string_decoder';

const MAX_LINES = 200;
const MAX_LENGTH = 500;

// All but tabs: colours and other commands to a terminal.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken away
const COMMANDS = /\u001b\[[0-9;?]*[A-Za-z]|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

const shownLine = (line: string): string => line.replaceAll(COMMANDS, '').trimEnd().slice(0, MAX_LENGTH);

/** The last so many that say something. */
export const lastLines = (output: string, count: number): readonly string[] =>
  output
    .split('\n')
    .map(shownLine)
    .filter((line) => line !== '')
    .slice(-count);

interface LineReader {
  readonly take: (chunk: Buffer | string) => void;
  /** What stands without an end of line is one, too. */
  readonly end: () => void;
}

/** For one run of a program; whatever it writes, no more than a page can hold is told. */
export function lineReaders(tell: (line: string) => void): () => LineReader {
  let told = 0;
  const say = (text: string): void => {
    const line = shownLine(text);
    if (line === '' || told === MAX_LINES) return;
    told++;
    tell(line);
  };
  return () => {
    const decoder = new StringDecoder('utf8');
    let rest = '';
    return {
      take: (chunk) => {
        const lines = (rest + (typeof chunk === 'string' ? chunk : decoder.write(chunk))).split('\n');
        rest = (lines.pop() ?? '').slice(0, MAX_LENGTH * 2);
        for (const line of lines) say(line);
      },
      end: () => {
        say(rest);
        rest = '';
      },
    };
  };
}
