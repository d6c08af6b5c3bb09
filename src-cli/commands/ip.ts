/** `rhumb ip`: addresses of this machine or another. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { canonicalIp } from '#shared/ip/address.ts';
import type { Status } from '#shared/localapi/status.ts';
import type { Context } from './context.ts';
import { findPeer, peerWithIp } from './find-peer.ts';
import type { Action, FlagValues } from './spec.ts';

/** `rhumb ip`. */
export const ip: Action = async (context, { flags, args }) => {
  if (['1', '4', '6'].filter((name) => flags.bool(name)).length > 1)
    throw new RhumbError('bad-argument', 'rhumb ip -1, -4, and -6 are mutually exclusive');
  const status = await context.api.status({ peers: true }, context.signal);
  const own = status.TailscaleIPs ?? [];
  const asserted = flags.text('assert');
  if (asserted !== '') {
    if (own.includes(canonicalIp(asserted) ?? asserted)) return 0;
    const listed = `[${own.join(' ')}]`;
    throw new RhumbError(
      'not-found',
      `assertion failed: IP ${JSON.stringify(asserted)} not found among ${listed}`,
    );
  }
  const [of] = args;
  const ips = of === undefined ? own : await addressesOf(context, status, of);
  for (const ip of choose(ips, status, flags)) context.out(`${ip}\n`);
  return 0;
};

const services = z.record(z.string(), z.looseObject({ Addrs: z.array(z.string()).nullish() }));

async function addressesOf(context: Context, status: Status, name: string): Promise<readonly string[]> {
  const { ip } = await findPeer(context, status, name);
  const peer = peerWithIp(status, ip);
  if (peer !== undefined) return peer.TailscaleIPs ?? [];
  const known = await context.api.get('services', context.signal).catch((error: unknown) => {
    // A daemon without the endpoint has no services.
    if (error instanceof RhumbError && error.code === 'not-found') return {};
    throw error;
  });
  const found = Object.values(services.catch({}).parse(known)).find(
    (one) => one.Addrs?.includes(ip) === true,
  );
  if (found?.Addrs) return found.Addrs;
  throw new RhumbError('not-found', `no peer or service found with IP ${ip}`);
}

/** The addresses that the flags ask for; throws when there are none. */
export function choose(ips: readonly string[], status: Status, flags: FlagValues): readonly string[] {
  if (ips.length === 0)
    throw new RhumbError('unavailable', `no current Tailscale IPs; state: ${status.BackendState}`);
  const isV6 = (ip: string): boolean => ip.includes(':');
  const [want4, want6] = [flags.bool('4'), flags.bool('6')];
  const from = flags.bool('1') ? ips.slice(0, 1) : ips;
  const chosen = from.filter((ip) => (isV6(ip) ? !want4 : !want6));
  if (chosen.length === 0 && want4) throw new RhumbError('not-found', 'no Tailscale IPv4 address');
  if (chosen.length === 0 && want6) throw new RhumbError('not-found', 'no Tailscale IPv6 address');
  return chosen;
}
