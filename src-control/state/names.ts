/** Host names to DNS labels: sanitising, uniqueness, and the rules for names an administrator gives (control-protocol.md §7.3). */
import { RhumbError } from '#shared/errors.ts';

const MAX_LABEL = 63;
const MAX_FQDN = 255;
const LOCAL_SUFFIXES = ['.localdomain', '.local', '.lan'];

/** Without one of the suffixes that home routers and mDNS add. */
export function trimCommonSuffix(hostname: string): string {
  const suffix = LOCAL_SUFFIXES.find((one) => hostname.endsWith(one));
  return suffix === undefined ? hostname : hostname.slice(0, -suffix.length);
}

/** The DNS label nearest to a text: lower case, `a-z 0-9 -`, at most 63 bytes, alphanumeric at both ends; may be empty. */
export function sanitizeLabel(text: string): string {
  const bytes = Buffer.from(text, 'utf8').subarray(0, MAX_LABEL).toString('latin1');
  const core = bytes.replace(/^[^a-zA-Z0-9]+/, '').replace(/[^a-zA-Z0-9]+$/, '');
  return core
    .toLowerCase()
    .replace(/[ .@_]/g, '-')
    .replace(/[^a-z0-9-]/g, '');
}

export const labelFor = (hostname: string): string => sanitizeLabel(trimCommonSuffix(hostname)) || 'node';

/**
 * `base`, or `base-1`, `base-2`, …: one that is free, the first where the numbers have no gaps; `base` is shortened so that
 * the label keeps to 63 bytes. Many machines of one host name must not cost a look at each: the search doubles, then halves.
 */
export function uniqueLabel(base: string, isTaken: (label: string) => boolean): string {
  if (!isTaken(base)) return base;
  const numbered = (n: number): string => `${base.slice(0, MAX_LABEL - `-${n}`.length)}-${n}`;
  let free = 1;
  while (isTaken(numbered(free))) free *= 2;
  let taken = free >> 1;
  while (free - taken > 1) {
    const middle = (taken + free) >> 1;
    if (isTaken(numbered(middle))) taken = middle;
    else free = middle;
  }
  return numbered(free);
}

/** A label an administrator wants; it must be one already. */
export function parseLabel(text: string): string {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text))
    throw new RhumbError(
      'bad-argument',
      `"${text}" can't be a machine name: use 1 to 63 lower-case letters, digits and "-", not at an end`,
    );
  return text;
}

export function parseBaseDomain(text: string): string {
  const domain = text.toLowerCase().replace(/\.$/, '');
  const labels = domain.split('.');
  const fits = labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
  if (!fits || domain.length > MAX_FQDN - MAX_LABEL - 2)
    throw new RhumbError('bad-argument', `"${text}" is not a domain name`);
  return domain;
}

/** User names as `coordination-server.md` §2.1 wants them; never digits alone, which name somebody by number. */
export const isUserName = (text: string): boolean =>
  !/^\d+$/.test(text) && /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/.test(text) && text.split('@').length <= 2;

export function parseUserName(text: string): string {
  if (!isUserName(text))
    throw new RhumbError(
      'bad-argument',
      `"${text}" can't be a user name: use 1 to 63 letters, digits and "-._", at most one "@", a letter or digit first, not digits alone`,
    );
  return text;
}
