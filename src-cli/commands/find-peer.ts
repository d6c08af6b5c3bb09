/** From what a user types for a machine to its address: an address, a displayed name, a DNS name (localapi-and-daemon.md §4.7). */
import { RhumbError } from '#shared/errors.ts';
import { canonicalIp } from '#shared/ip/address.ts';
import type { PeerStatus, Status } from '#shared/localapi/status.ts';
import { displayName } from '../print/names.ts';
import { nearest } from '../print/nearest.ts';
import type { Context } from './context.ts';

export interface FoundPeer {
  readonly ip: string;
  readonly isSelf: boolean;
}

/** The peer of that name, or undefined when none has it. */
export function findByName(status: Status, name: string): FoundPeer | undefined {
  const wanted = name.toLowerCase();
  const matches = (peer: PeerStatus): boolean =>
    displayName(status, peer).toLowerCase() === wanted ||
    (peer.DNSName !== '' &&
      (peer.DNSName.toLowerCase() === wanted || peer.DNSName.toLowerCase() === `${wanted}.`));
  for (const peer of Object.values(status.Peer ?? {})) {
    if (!matches(peer)) continue;
    const ip = peer.TailscaleIPs?.[0];
    if (ip === undefined) throw new RhumbError('not-found', 'node found but lacks an IP');
    return { ip, isSelf: false };
  }
  const own = status.Self.TailscaleIPs?.[0];
  return own !== undefined && matches(status.Self) ? { ip: own, isSelf: true } : undefined;
}

export async function findPeer(context: Context, status: Status, name: string): Promise<FoundPeer> {
  const ip = canonicalIp(name);
  if (ip !== undefined) return { ip, isSelf: false };
  const found = findByName(status, name);
  if (found !== undefined) return found;
  const addrs = await context.lookup(name).catch((error: unknown) => {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const text = why === 'ENOTFOUND' || why === 'EAI_AGAIN' ? 'no such host' : why;
    throw new RhumbError(
      'not-found',
      `error looking up IP of ${JSON.stringify(name)}: ${text}${nearName(status, name)}`,
      { cause: error },
    );
  });
  const first = addrs[0];
  if (first === undefined) throw new RhumbError('not-found', `no IPs found for ${JSON.stringify(name)}`);
  return { ip: first, isSelf: false };
}

/** `; did you mean "web1"?` where a machine has a name like that. */
function nearName(status: Status, name: string): string {
  const known = Object.values(status.Peer ?? {}).map((peer) => displayName(status, peer));
  const near = nearest(
    name.toLowerCase(),
    known.map((one) => one.toLowerCase()),
  );
  return near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`;
}

/** The machine that has this address, ours included. */
export function peerWithIp(status: Status, ip: string): PeerStatus | undefined {
  return [...Object.values(status.Peer ?? {}), status.Self].find(
    (peer) => peer.TailscaleIPs?.includes(ip) === true,
  );
}
