/** `rhumb debug …` about one machine. */
import { RhumbError } from '#shared/errors.ts';
import type { Context } from '../commands/context.ts';
import { findPeer } from '../commands/find-peer.ts';
import type { Action } from '../commands/spec.ts';
import { goJson } from '../print/go-json.ts';
import { notRunning } from '../print/status.ts';

/** The address of the machine, or the line to print instead. */
async function addressOf(
  context: Context,
  name: string,
): Promise<{ readonly ip: string } | { readonly line: string; readonly exit: number }> {
  const status = await context.api.status({ peers: true }, context.signal);
  const why = notRunning(status);
  if (why !== undefined) return { line: why, exit: 1 };
  const { ip, isSelf } = await findPeer(context, status, name);
  return isSelf ? { line: `${ip} is local Tailscale IP`, exit: 0 } : { ip };
}

/** `rhumb debug peer-endpoint-changes`. */
export const peerEndpointChanges: Action = async (context, { args }) => {
  const [name = ''] = args;
  if (name === '')
    throw new RhumbError('bad-argument', 'usage: rhumb debug peer-endpoint-changes <name or address>');
  const found = await addressOf(context, name);
  if ('line' in found) {
    context.out(`${found.line}\n`);
    return found.exit;
  }
  const query = new URLSearchParams({ ip: found.ip });
  const json = await context.api.get(`debug-peer-endpoint-changes?${query}`, context.signal);
  context.out(`${goJson(json, '  ')}\n`);
  return 0;
};

/** `rhumb debug dial-types`. */
export const dialTypes: Action = async (context, { flags, args }) => {
  const [name = '', port = ''] = args;
  if (name === '' || !/^\d{1,5}$/.test(port))
    throw new RhumbError('bad-argument', 'usage: rhumb debug dial-types <name or address> <port>');
  const found = await addressOf(context, name);
  if ('line' in found) {
    context.out(`${found.line}\n`);
    return found.exit;
  }
  const query = new URLSearchParams({ ip: found.ip, port, network: flags.text('network') });
  context.out(await context.api.text('POST', `debug-dial-types?${query}`, 200, context.signal));
  return 0;
};
