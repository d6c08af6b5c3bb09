/** `rhumb whois`: the machine and user behind an address. */
import { RhumbError } from '#shared/errors.ts';
import { goJson } from '../print/go-json.ts';
import { renderWhoIs } from '../print/whois.ts';
import type { Action } from './spec.ts';

/** `rhumb whois`. */
export const whois: Action = async (context, { flags, args }) => {
  const [addr] = args;
  if (addr === undefined) throw new RhumbError('bad-argument', 'missing argument, expected one peer');
  const proto = flags.text('proto');
  if (!['', 'tcp', 'udp'].includes(proto))
    throw new RhumbError('bad-argument', `invalid --proto ${JSON.stringify(proto)}: want tcp or udp`);
  try {
    if (flags.bool('json'))
      context.out(`${goJson(await context.api.whoIsJson(addr, proto, context.signal), '  ')}\n`);
    else context.out(renderWhoIs(await context.api.whoIs(addr, proto, context.signal)));
  } catch (error) {
    if (error instanceof RhumbError && error.code === 'not-found')
      throw new RhumbError('not-found', 'peer not found', { cause: error });
    throw error;
  }
  return 0;
};

/** `rhumb whoami`: the same for the first address of this machine, and its network. */
export const whoami: Action = async ({ api, out, signal }, { flags }) => {
  const status = await api.status({ peers: false }, signal);
  const [own] = status.TailscaleIPs ?? [];
  if (own === undefined)
    throw new RhumbError('unavailable', `no current Tailscale IP address; state: ${status.BackendState}`);
  const tailnet = status.CurrentTailnet;
  if (!flags.bool('json')) {
    out(renderWhoIs(await api.whoIs(own, '', signal), tailnet));
    return 0;
  }
  const json = await api.whoIsJson(own, '', signal);
  out(`${goJson({ ...Object(json), ...(tailnet !== undefined && { CurrentTailnet: tailnet }) }, '  ')}\n`);
  return 0;
};
