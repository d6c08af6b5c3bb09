/** Questions before an action that may cut the user off (localapi-and-daemon.md §4.1). */
import { RhumbError } from '#shared/errors.ts';
import { isTailnetIp, parseIp } from '#shared/ip/address.ts';
import type { Context } from './context.ts';

/** Whether this shell was opened by SSH from a machine of the network. */
export function isSshOverTunnel(env: Readonly<Record<string, string | undefined>>): boolean {
  const client = env['SSH_CLIENT'] ?? '';
  const ip = parseIp(client.split(' ', 1)[0] ?? '');
  return ip !== undefined && isTailnetIp(ip);
}

/** Asks unless this is no SSH session through the network or the risk was accepted; throws when the answer is no. */
export async function confirmLosingSsh(context: Context, accepted: string, message: string): Promise<void> {
  if (isSshOverTunnel(context.env)) await confirmRisk(context, 'lose-ssh', accepted, message);
}

/** On macOS connectors are slow and not dependable; on other systems there is nothing to ask. */
export async function confirmMacConnector(context: Context, accepted: string): Promise<void> {
  if (context.platform !== 'darwin') return;
  await confirmRisk(
    context,
    'mac-app-connector',
    accepted,
    'An app connector on macOS is slow and not dependable, due to limits of the system: use Linux for one that matters.',
  );
}

/** Shows the text and asks, unless the risk was accepted; throws when the answer is no. */
export async function confirmRisk(
  context: Context,
  risk: string,
  accepted: string,
  message: string,
): Promise<void> {
  if (accepted.split(',').some((one) => one === risk || one === 'all')) return;
  context.out(`${message}\nTo skip this warning, use --accept-risk=${risk}\n`);
  if (!(await context.confirm('Continue?'))) throw new RhumbError('not-allowed', 'aborted, no changes made');
}
