/** The last look at an address before the browser of the system gets it, whoever found it (desktop.md §13 S15). */
import { RhumbError } from '#shared/errors.ts';

const MAX_LENGTH = 4_096;

/** The address as it is opened: a web page, and nothing that starts a program or hides its host. */
export function webAddress(text: string): string {
  const url = text.length > MAX_LENGTH ? null : URL.parse(text);
  const isWeb = url !== null && (url.protocol === 'https:' || url.protocol === 'http:');
  if (!isWeb || url.username !== '' || url.password !== '')
    throw new RhumbError('not-allowed', 'only pages of the web are opened');
  return url.href;
}
