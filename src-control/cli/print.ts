/** How answers look on a terminal: aligned columns, or the JSON as it is. */
import { stringify } from 'yaml';
import { RhumbError } from '#shared/errors.ts';

export type OutputFormat = 'text' | 'json' | 'json-line' | 'yaml';

export function parseFormat(value: string): OutputFormat {
  if (value === 'text' || value === 'table') return 'text';
  if (value === 'json' || value === 'json-line' || value === 'yaml') return value;
  throw new RhumbError('bad-argument', `unknown output "${value}": use table, json, json-line or yaml`);
}

/** An answer as programs read it. */
export function structured(format: Exclude<OutputFormat, 'text'>, answer: unknown): string {
  if (format === 'yaml') return stringify(answer, { lineWidth: 0 }).trimEnd();
  return JSON.stringify(answer, null, format === 'json' ? 2 : 0);
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

/** For options that may be given several times, or once with commas. */
export const listOption = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...value.split(',').filter(Boolean),
];
