/** What `up` and `set` warn about: forwarding that is off, and health texts that concern the flags (§4.2). */
import { RhumbError } from '#shared/errors.ts';
import type { Prefs } from '#shared/localapi/prefs.ts';
import type { Context } from './context.ts';

/** Other health texts come and go while the network starts; these stay, and the user can act on them. */
const WORTHY = [
  'ssh enabled, but',
  'peers are advertising routes but --accept-routes is false',
  'locked out',
  'stored in-memory',
  'update available: ',
];

/** Text to print after success, '' for none. A failure here is not the user's concern: the command itself succeeded. */
export async function upWarnings(context: Context): Promise<string> {
  const health = await context.api
    .status({ peers: false }, context.signal)
    .then((status) => status.Health ?? [])
    .catch(() => []);
  const worthy = health.filter((text) => WORTHY.some((part) => text.toLowerCase().includes(part)));
  if (worthy.length <= 1) return worthy.map((text) => `${text}\n`).join('');
  return `# Health check warnings:\n${worthy.map((text) => `#     - ${text}\n`).join('')}`;
}

/** Asks the daemon whether it can forward, when the machine is to route for others. */
export async function warnAboutRoutes(context: Context, prefs: Prefs): Promise<void> {
  if ((prefs.AdvertiseRoutes ?? []).length === 0 && !prefs.AppConnector.Advertise) return;
  const checks =
    context.platform === 'linux'
      ? (['check-ip-forwarding', 'check-udp-gro-forwarding'] as const)
      : (['check-ip-forwarding'] as const);
  for (const check of checks) {
    const warning = await context.api.warning(check, context.signal).catch((error: unknown) => {
      context.signal.throwIfAborted();
      // A daemon without the endpoint has nothing to say.
      if (error instanceof RhumbError && error.code === 'not-found') return '';
      return error instanceof Error ? error.message : String(error);
    });
    if (warning !== '') context.out(`Warning: ${warning}\n`);
  }
}
