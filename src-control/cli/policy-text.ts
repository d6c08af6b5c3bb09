/** Policy and topology files as commands read them. */
import { readFileSync } from 'node:fs';
import { RhumbError } from '#shared/errors.ts';

export function readText(file: string, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
  } catch (cause) {
    const why = cause instanceof TypeError ? 'it is not UTF-8' : (cause as Error).message;
    throw new RhumbError('not-found', `can't read the ${what} ${file}: ${why}`, { cause });
  }
}
