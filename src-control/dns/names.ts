/** Domain names as administrators write them: checked, lower case, without the dot at the end; and what lies in what. */
import { RhumbError } from '#shared/errors.ts';

const MAX_NAME = 253;
/** Underscores stand in names of services and challenges (RFC 8552). */
const LABEL = /^(?:[a-z0-9]|[a-z0-9_][a-z0-9_-]{0,61}[a-z0-9])$/;

/** Undefined when the text is no domain name. */
export function canonicalName(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, '');
  if (name.length > MAX_NAME) return undefined;
  return name.split('.').every((label) => LABEL.test(label)) ? name : undefined;
}

export function parseDomain(text: string, at: string): string {
  const name = canonicalName(text);
  if (name !== undefined) return name;
  if (text === '.' || text === '')
    throw new RhumbError('bad-argument', `${at}: name a domain; for all names give nameservers`);
  if (text.startsWith('*.') || text.startsWith('.'))
    throw new RhumbError(
      'bad-argument',
      `${at}: "${text}": leave the beginning out, a domain stands for everything in it`,
    );
  throw new RhumbError(
    'bad-argument',
    `${at}: "${text}" is not a domain name: write it like corp.example.com (other alphabets as xn--…)`,
  );
}

/** `suffix` itself lies in it too. */
export const isWithin = (name: string, suffix: string): boolean =>
  name === suffix || name.endsWith(`.${suffix}`);

/** The longest of the suffixes that `name` lies in. */
export function nearestSuffix(name: string, suffixes: { has(suffix: string): boolean }): string | undefined {
  for (let at = 0; at >= 0; at = name.indexOf('.', at) + 1 || -1)
    if (suffixes.has(name.slice(at))) return name.slice(at);
  return undefined;
}
