/** Which licences the dependencies may have, read from the lock file, so for every platform and not only for this one. */
import { z } from 'zod';

/** All may be combined with BSD-3-Clause in one work. MPL-2.0 asks for the sources of changed files; we change none. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Python-2.0',
  'Unlicense',
]);
/** Only in tools that no user gets. */
const ALLOWED_IN_TOOLS = new Set([...ALLOWED, 'MPL-2.0', 'OFL-1.1', 'WTFPL']);

const lockFile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
      optional: z.boolean().optional(),
    }),
  ),
});

/** `name version: licence` for each package whose licence is not allowed where it is used. */
export function forbiddenLicences(lockText: string): string[] {
  const { packages } = lockFile.parse(JSON.parse(lockText));
  return Object.entries(packages)
    .filter(([path]) => path !== '')
    .filter(([, { license, dev }]) => !isAllowed(license, dev === true ? ALLOWED_IN_TOOLS : ALLOWED))
    .map(([path, entry]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return `${name} ${entry.version ?? ''}: ${entry.license ?? 'says no licence'}`;
    });
}

/** Of `A OR B` one must be allowed, of `A AND B` both. */
function isAllowed(licence: string | undefined, allowed: ReadonlySet<string>): boolean {
  if (licence === undefined) return false;
  const plain = licence.replaceAll(/[()]/g, ' ').trim();
  return plain
    .split(/\s+OR\s+/)
    .some((choice) => choice.split(/\s+AND\s+/).every((one) => allowed.has(one.trim())));
}
