/** How a setting is called, and what follows from it in one line. */
import { type Key, t } from '../../i18n/text.ts';
import type { Row } from './rows.ts';

export const labelOf = (row: Row): string => t(`settings.${row.id}` as Key);

/** '' where the name says it all. */
export function noteOf(row: Row): string {
  const key = `settings.${row.id}.note` as Key;
  const text = t(key);
  return text === key ? '' : text;
}
