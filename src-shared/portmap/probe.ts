/** Which port mapping services the router offers: NAT-PMP, PCP and UPnP asked at once (nat-traversal.md §3.2). */
import { type IpBytes, parseIp } from '../ip/address.ts';
import type { LanSocket } from '../node/lan-udp.ts';
import { type Exchange, exchange, type Wire } from './exchange.ts';
import { decodePmp, encodeAddressRequest, SERVER_PORT } from './nat-pmp.ts';
import { decodePcp, encodeAnnounce, PcpResult } from './pcp.ts';
import { decodeSsdp, orderReplies, type SsdpReply, searches } from './ssdp.ts';
import type { Gateway, Services } from './types.ts';

/**
 * 250 ms in all; what was not answered is asked once more in between. Only a router that said nothing at all is waited for
 * longer: UPnP lets it take two seconds (MX), and a busy machine reads its answers late.
 */
const WAITS_MS = [100, 150, 750, 1_250];
const QUICK_ROUNDS = 2;
/** More UPnP devices may answer after the first. */
const MORE_UPNP_MS = 50;
const MAX_REPLIES = 24;

export interface ProbeResult {
  readonly pmp: { readonly externalIp: IpBytes; readonly epochS: number } | undefined;
  readonly pcp: { readonly epochS: number; readonly mayMap: boolean } | undefined;
  /** Best first; not empty when there. */
  readonly upnp: readonly SsdpReply[] | undefined;
}

/** `known` services are not asked again. */
export async function probeServices(
  wire: Wire,
  link: Gateway,
  known: Services,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const heard: {
    pmp: ProbeResult['pmp'];
    isPmpRefused: boolean;
    pcp: ProbeResult['pcp'];
    replies: SsdpReply[];
  } = {
    pmp: undefined,
    isPmpRefused: false,
    pcp: undefined,
    replies: [],
  };
  const wantsPmp = (): boolean => !known.pmp && heard.pmp === undefined && !heard.isPmpRefused;
  const wantsPcp = (): boolean => !known.pcp && heard.pcp === undefined;
  const wantsUpnp = (): boolean => !known.upnp && heard.replies.length === 0;
  const isAnyKnown = known.pmp || known.pcp || known.upnp;
  const hasHeard = (): boolean =>
    heard.pmp !== undefined || heard.isPmpRefused || heard.pcp !== undefined || heard.replies.length > 0;
  const isDone = (): boolean => !wantsPmp() && !wantsPcp() && !wantsUpnp();
  let cancelMore: (() => void) | undefined;
  const asked: Exchange<true> = {
    localIp: link.self,
    waitsMs: WAITS_MS,
    isEnough: (sent) => sent >= QUICK_ROUNDS && (isAnyKnown || hasHeard()),
    send: (socket) => ask(socket, link, { pmp: wantsPmp(), pcp: wantsPcp(), upnp: wantsUpnp() }),
    receive: (from, datagram, finish) => {
      // Anybody on the network could answer for the router.
      if (from.ip !== link.gateway) return;
      if (from.port === SERVER_PORT) hearServer(heard, datagram);
      else if (heard.replies.length < MAX_REPLIES) {
        const reply = decodeSsdp(datagram, link.gateway);
        if (reply !== undefined) heard.replies.push(reply);
      }
      if (isDone()) cancelMore ??= wire.clock.after(known.upnp ? 0 : MORE_UPNP_MS, () => finish(true));
    },
  };
  if (!isDone()) {
    try {
      await exchange(wire, asked, signal);
    } finally {
      cancelMore?.();
    }
  }
  const upnp = heard.replies.length === 0 ? undefined : orderReplies(heard.replies);
  return { pmp: heard.pmp, pcp: heard.pcp, upnp };
}

function ask(socket: LanSocket, link: Gateway, wanted: Services): void {
  const server = { ip: link.gateway, port: SERVER_PORT };
  const self = parseIp(link.self);
  if (wanted.pmp) socket.send(server, encodeAddressRequest());
  if (wanted.pcp && self !== undefined) socket.send(server, encodeAnnounce(self));
  if (wanted.upnp) for (const { to, datagram } of searches(link.gateway)) socket.send(to, datagram);
}

function hearServer(
  heard: { pmp: ProbeResult['pmp']; isPmpRefused: boolean; pcp: ProbeResult['pcp'] },
  datagram: Uint8Array,
): void {
  const pmp = decodePmp(datagram);
  if (pmp?.type === 'address') heard.pmp = { externalIp: pmp.ip, epochS: pmp.epochS };
  else if (pmp?.type === 'refused') heard.isPmpRefused = true;
  const pcp = decodePcp(datagram);
  // Another result than success: it is there and refuses.
  if (pcp?.type === 'announce') heard.pcp = { epochS: pcp.epochS, mayMap: pcp.result === PcpResult.Success };
}
