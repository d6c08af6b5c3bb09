/** `rhumb ping`: asks a machine for a reply and tells which way it came. */
import { RhumbError } from '#shared/errors.ts';
import type { PingKind, PingResult } from '#shared/localapi/misc.ts';
import { renderLocal, renderPong, renderTimeout } from '../print/ping.ts';
import { notRunning } from '../print/status.ts';
import { type Context, withTimeout } from './context.ts';
import { findPeer } from './find-peer.ts';
import type { Action, FlagValues } from './spec.ts';

const PAUSE_MS = 1_000;

/** `rhumb ping`. */
export const ping: Action = async (context, { flags, args }) => {
  const [name] = args;
  if (name === undefined || name === '')
    throw new RhumbError('bad-argument', 'usage: rhumb ping <name or address>');
  const status = await context.api.status({ peers: true }, context.signal);
  const why = notRunning(status);
  if (why !== undefined) {
    context.out(`${why}\n`);
    return 1;
  }
  const { ip, isSelf } = await findPeer(context, status, name);
  if (isSelf) {
    context.out(renderLocal(ip));
    return 0;
  }
  if (flags.bool('verbose') && ip !== name)
    context.err(`lookup ${JSON.stringify(name)} => ${JSON.stringify(ip)}\n`);
  await pingUntilDone(context, ip, flags);
  return 0;
};

export function pingKind(flags: FlagValues): PingKind {
  if (flags.bool('tsmp')) return 'TSMP';
  if (flags.bool('icmp')) return 'ICMP';
  return flags.bool('peerapi') ? 'peerapi' : 'disco';
}

/** Returns when the wanted reply came; throws when the pings are used up without it. */
async function pingUntilDone(context: Context, ip: string, flags: FlagValues): Promise<void> {
  const kind = pingKind(flags);
  const target = { ip, kind, size: flags.number('size') };
  const count = flags.number('c');
  let pongs = 0;
  for (let sent = 1; ; sent++) {
    const result = await withTimeout(context, flags.number('timeout'), (signal) =>
      context.api.ping(target, signal),
    );
    const isLast = sent === count;
    if (result === undefined) {
      context.out(renderTimeout(ip));
      if (isLast && pongs > 0) return;
    } else {
      if (report(context, result, kind)) return;
      pongs++;
      if (kind !== 'disco' || (result.Endpoint !== '' && flags.bool('until-direct'))) return;
      await context.clock.sleep(PAUSE_MS, context.signal);
    }
    if (isLast) return await finish(context, ip, pongs, flags);
  }
}

async function finish(context: Context, ip: string, pongs: number, flags: FlagValues): Promise<void> {
  if (pongs === 0) throw new RhumbError('timeout', 'no reply');
  if (flags.bool('until-direct'))
    throw new RhumbError(
      'timeout',
      `direct connection not established${await whyRelayed(context, ip, flags.number('timeout'))}`,
    );
}

/** In the daemon's words; empty where it is one that doesn't tell. */
async function whyRelayed(context: Context, ip: string, timeoutMs: number): Promise<string> {
  const status = await withTimeout(context, timeoutMs, (signal) =>
    context.api.status({ peers: true }, signal),
  );
  const peer = Object.values(status?.Peer ?? {}).find(({ TailscaleIPs }) => TailscaleIPs?.includes(ip));
  const why = peer?.RhumbPath?.Why ?? '';
  return why === '' ? '' : `: ${why}`;
}

/** Prints a result; true when it ends the command. */
function report(context: Context, result: PingResult, kind: PingKind): boolean {
  if (result.Err !== '' && !result.IsLocalIP) throw new RhumbError('unavailable', result.Err);
  context.out(result.Err === '' ? renderPong(result, kind) : `${result.Err}\n`);
  return result.Err !== '';
}
