/** The `policy` part of the configuration: kept in the database, or a file that the server follows (policy.md §16). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';

export const policySettings = z.strictObject({
  /** `database` unless a path is given. */
  mode: z.enum(['file', 'database']).optional(),
  /** The policy, as HuJSON. */
  path: z.string().min(1).max(4_096).optional(),
});

export interface PolicyConfig {
  /** Undefined: the policy is in the database. */
  readonly file: string | undefined;
}

export function policyConfig(given: z.output<typeof policySettings> | undefined): PolicyConfig {
  const mode = given?.mode ?? (given?.path === undefined ? 'database' : 'file');
  if (mode === 'file' && given?.path === undefined)
    throw new RhumbError('bad-argument', 'policy.mode is file: say which one in policy.path');
  if (mode === 'database' && given?.path !== undefined)
    throw new RhumbError(
      'bad-argument',
      'policy.path is only read where policy.mode is file: take one of the two out, and store the file once with policy set',
    );
  return { file: mode === 'file' ? given?.path : undefined };
}
