/** Lines for the journal: the level in front, as it reads it from a service's standard error (sd-daemon(3)). */
import { fstatSync } from 'node:fs';
import { type DestinationStream, pino } from 'pino';

/** From pino's numbers to syslog's priorities. */
const PRIORITIES: readonly (readonly [atLeast: number, priority: number])[] = [
  [50, 3],
  [40, 4],
  [30, 6],
  [0, 7],
];

/** Whether standard error leads to the journal; a service that was started with it sent elsewhere has the variable, too. */
export function leadsToJournal(
  stream: string | undefined,
  stat: (fd: number) => { readonly dev: number; readonly ino: number } = fstatSync,
): boolean {
  const [dev, ino] = stream?.split(':') ?? [];
  if (dev === undefined || ino === undefined) return false;
  try {
    const found = stat(2);
    return String(found.dev) === dev && String(found.ino) === ino;
  } catch {
    return false;
  }
}

export const withPriority = (line: string): string => {
  const level = Number(/^\{"level":(\d+)/.exec(line)?.[1] ?? 30);
  const priority = PRIORITIES.find(([atLeast]) => level >= atLeast)?.[1] ?? 6;
  return `<${priority}>${line}`;
};

/** Standard error, in the form that whoever reads it wants. */
export function standardError(env: Readonly<Record<string, string | undefined>>): DestinationStream {
  const to = pino.destination({ fd: 2, sync: true });
  if (!leadsToJournal(env['JOURNAL_STREAM'])) return to;
  return { write: (line) => void to.write(withPriority(line)) };
}
