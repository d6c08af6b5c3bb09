/** Lines of `rhumb ping` (localapi-and-daemon.md §4.7). */
import type { PingKind, PingResult } from '#shared/localapi/misc.ts';
import { formatDuration } from './duration.ts';

/** How a reply came: the endpoint, the relay, or the kind of ping that does not tell. */
function via(result: PingResult, kind: PingKind): string {
  if (result.PeerRelay !== '') return `peer-relay(${result.PeerRelay})`;
  if (result.DERPRegionID !== 0) return `DERP(${result.DERPRegionCode})`;
  return result.Endpoint === '' ? kind : result.Endpoint;
}

export function renderPong(result: PingResult, kind: PingKind): string {
  const took = formatDuration(result.LatencySeconds * 1_000);
  if (kind === 'peerapi')
    return `hit peerapi of ${result.NodeIP} (${result.NodeName}) at ${result.PeerAPIURL} in ${took}\n`;
  const port = result.PeerAPIPort === 0 ? '' : `, ${result.PeerAPIPort}`;
  return `pong from ${result.NodeName} (${result.NodeIP}${port}) via ${via(result, kind)} in ${took}\n`;
}

export const renderTimeout = (ip: string): string => `ping ${JSON.stringify(ip)} timed out\n`;

export const renderLocal = (ip: string): string => `${ip} is local Tailscale IP\n`;
