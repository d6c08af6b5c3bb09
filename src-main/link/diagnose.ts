/** Why the daemon can't be had, when dialling it failed. */
import type { RhumbError } from '#shared/errors.ts';
import type { Link } from '#shared/ui-state/types.ts';
import type { ServiceState } from '../service/types.ts';

/** `why` is what the attempt failed with, `service` what the system says of the service. */
export function diagnose(why: RhumbError, service: ServiceState): Link {
  if (why.code === 'not-allowed') return { kind: 'refused', reason: why.message };
  // A service that runs but doesn't answer yet, or no more, is started anew by the same button.
  return { kind: 'absent', why: service === 'not-installed' ? 'not-installed' : 'stopped' };
}
