/** A value of the audit log in few words: what is unset or empty says nothing, names are words. */
import { formatExact } from '../../../ui/time.tsx';

/** Deeper than that is for the dialog, which shows everything. */
const DEPTH = 3;

export function worded(text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text; // not every value is JSON
  }
  return words(value, DEPTH) || '—';
}

function words(value: unknown, depth: number): string {
  if (value === null || value === undefined || value === false || value === '') return '';
  if (typeof value !== 'object') return String(value);
  if (depth === 0) return '…';
  if (Array.isArray(value))
    return value
      .map((one) => words(one, depth - 1))
      .filter(Boolean)
      .join(', ');
  return Object.entries(value)
    .flatMap(([name, one]) => {
      const isTime = typeof one === 'number' && name.endsWith('At');
      const said = isTime ? formatExact(one) : words(one, depth - 1);
      if (said === '') return [];
      return [one === true ? spaced(name) : `${spaced(name)} ${said}`];
    })
    .join(', ');
}

/** "isPreapproved" is "preapproved", "splitDns" is "split dns". */
const spaced = (name: string): string =>
  name
    .replace(/^is(?=[A-Z])/, '')
    .replace(/(?<=[a-z0-9])(?=[A-Z])|_/g, ' ')
    .toLowerCase();
