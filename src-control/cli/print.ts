/** How answers look on a terminal: aligned columns, or the JSON as it is. */
import { RhumbError } from '#shared/errors.ts';

export type OutputFormat = 'text' | 'json';

export function parseFormat(value: string): OutputFormat {
  if (value === 'text' || value === 'table') return 'text';
  if (value === 'json') return 'json';
  throw new RhumbError('bad-argument', `unknown output "${value}": use text or json`);
}

/** Host names come from machines: what could steer a terminal is shown as a question mark. */
const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');

/** Columns two spaces apart, no trailing blanks. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map(plain));
  const widths = head.map((_, column) => Math.max(...all.map((row) => [...(row[column] ?? '')].length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length))
      .join('  ')
      .trimEnd();
  return all.map(line).join('\n');
}

export const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
/** Local enough for people, sortable for everyone. */
export const when = (time: string | null, never: string): string =>
  time === null ? never : time.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
