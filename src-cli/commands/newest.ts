/** Which release is the newest, as far as the daemon was told. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { VERSION } from '#shared/version.ts';
import type { Context } from './context.ts';

const clientVersion = z.looseObject({
  RunningLatest: z.boolean().optional(),
  LatestVersion: z.string().optional(),
});

/** The coordination server tells the daemon what the newest release is. */
export async function newest({ api, signal }: Context, track: string): Promise<string> {
  if (track !== '')
    throw new RhumbError('bad-argument', '--track: there are no tracks of releases to choose from yet');
  const parsed = clientVersion.safeParse(await api.get('update/check', signal));
  if (parsed.success && (parsed.data.LatestVersion ?? '') !== '') return parsed.data.LatestVersion ?? '';
  if (parsed.success && parsed.data.RunningLatest === true) return VERSION;
  throw new RhumbError('unavailable', 'the daemon does not know which release is the newest');
}
