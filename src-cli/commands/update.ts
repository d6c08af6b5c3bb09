/** `rhumb update`: says how this installation is updated; it downloads nothing itself. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RhumbError } from '#shared/errors.ts';
import { VERSION } from '#shared/version.ts';
import type { Action } from './spec.ts';

const ROOT = join(import.meta.dirname, '../..');

/** `rhumb update`: 0 only when it could tell what it was asked. */
export const update: Action = async (context, { flags }) => {
  if (flags.text('version') !== '' && flags.text('track') !== '')
    throw new RhumbError('bad-argument', 'cannot specify both --version and --track');
  const how = existsSync(join(ROOT, '.git'))
    ? `this is a checkout: run 'git pull' and 'npm run setup' in ${ROOT}, then restart rhumbd`
    : 'it is updated by what installed it: use the package manager of this system';
  if (flags.bool('dry-run')) {
    context.out(`Current: ${VERSION}\n${how}\n`);
    return 0;
  }
  throw new RhumbError('unavailable', `rhumb does not update itself; ${how}`);
};
