/** Mappings by NAT-PMP and PCP: made, renewed and released (RFC 6886 §3.3, RFC 6887 §11). */
import { formatIp, type IpBytes, parseIp, type SockAddr } from '../ip/address.ts';
import { reachOf } from './addresses.ts';
import { exchange, type Wire } from './exchange.ts';
import { decodePmp, encodeAddressRequest, encodePmpMap, SERVER_PORT } from './nat-pmp.ts';
import { decodePcp, encodePcpMap } from './pcp.ts';
import type { Link, Mapping } from './types.ts';

/** RFC 6886 §3.3 recommends two hours. */
export const LIFETIME_S = 7_200;
/** Below, renewing would be a burden to everybody. */
const MIN_LIFETIME_S = 60;
const MAX_LIFETIME_S = 86_400;
/**
 * RFC 6886 §3.1 doubles from 250 ms on, nine times; a router that answered a moment ago has answered by the third, and the
 * other services are to have their turn within the budget of nat-traversal.md §3.1.
 */
const WAITS_MS = [250, 500, 1_000];

/** What a try at a mapping came to; `retryAfterS` when the router said for how long not to ask again. */
export type Outcome =
  | { readonly ok: true; readonly mapping: Mapping; readonly epochS?: number | undefined }
  | { readonly ok: false; readonly why: string; readonly retryAfterS?: number | undefined };

const refused = (why: string, retryAfterS?: number): Outcome => ({ ok: false, why, retryAfterS });

const serverOf = (link: Link): SockAddr => ({ ip: link.gateway, port: SERVER_PORT });
const isServer = (from: SockAddr, link: Link): boolean =>
  from.ip === link.gateway && from.port === SERVER_PORT;

/** Address and times of what was granted, or why it is of no use. */
export function leaseOf(
  granted: { readonly ip: IpBytes; readonly port: number; readonly lifetimeS: number },
  nowMs: number,
):
  | {
      readonly external: SockAddr;
      readonly reach: Mapping['reach'];
      readonly renewAtMs: number;
      readonly goodUntilMs: number;
    }
  | string {
  const reach = reachOf(granted.ip);
  if (reach === undefined) return `its external address is said to be ${formatIp(granted.ip)}`;
  if (granted.port === 0) return 'it granted no port';
  if (granted.lifetimeS < MIN_LIFETIME_S) return `it granted a lease of ${granted.lifetimeS} s only`;
  const lifetimeMs = Math.min(granted.lifetimeS, MAX_LIFETIME_S) * 1_000;
  return {
    external: { ip: formatIp(granted.ip), port: granted.port },
    reach,
    renewAtMs: nowMs + lifetimeMs / 2,
    goodUntilMs: nowMs + lifetimeMs,
  };
}

/** `wishPort` is what we had last, or 0. */
export async function mapByPmp(
  wire: Wire,
  link: Link,
  wishPort: number,
  signal: AbortSignal,
): Promise<Outcome> {
  let ip: IpBytes | undefined;
  let granted: { readonly port: number; readonly lifetimeS: number; readonly epochS: number } | undefined;
  const outcome = await exchange<Outcome>(
    wire,
    {
      localIp: link.self,
      waitsMs: WAITS_MS,
      send: (socket) => {
        if (ip === undefined) socket.send(serverOf(link), encodeAddressRequest());
        if (granted === undefined)
          socket.send(
            serverOf(link),
            encodePmpMap({ internalPort: link.port, externalPort: wishPort, lifetimeS: LIFETIME_S }),
          );
      },
      receive: (from, datagram, finish) => {
        const reply = isServer(from, link) ? decodePmp(datagram) : undefined;
        if (reply?.type === 'refused') finish(refused(`nat-pmp: refused with result ${reply.result}`));
        if (reply?.type === 'address') ip = reply.ip;
        if (reply?.type === 'map' && reply.internalPort === link.port)
          granted = { port: reply.externalPort, lifetimeS: reply.lifetimeS, epochS: reply.epochS };
        if (ip === undefined || granted === undefined) return;
        const lease = leaseOf({ ip, ...granted }, wire.clock.monotonic());
        finish(
          typeof lease === 'string'
            ? refused(`nat-pmp: ${lease}`)
            : { ok: true, mapping: { protocol: 'nat-pmp', ...lease }, epochS: granted.epochS },
        );
      },
    },
    signal,
  );
  return outcome ?? refused('nat-pmp: no answer');
}

const ANY_IP = new Uint8Array(4);

export async function mapByPcp(
  wire: Wire,
  link: Link,
  wish: { readonly nonce: Uint8Array; readonly external: SockAddr | undefined },
  signal: AbortSignal,
): Promise<Outcome> {
  const self = parseIp(link.self);
  if (self === undefined) return refused('pcp: no address of our own');
  const request = encodePcpMap({
    self,
    nonce: wish.nonce,
    internalPort: link.port,
    externalPort: wish.external?.port ?? 0,
    external: (wish.external && parseIp(wish.external.ip)) ?? ANY_IP,
    lifetimeS: LIFETIME_S,
  });
  const outcome = await exchange<Outcome>(
    wire,
    {
      localIp: link.self,
      waitsMs: WAITS_MS,
      send: (socket) => socket.send(serverOf(link), request),
      receive: (from, datagram, finish) => {
        const reply = isServer(from, link) ? decodePcp(datagram) : undefined;
        // The nonce tells our answer from a forged one and from one to an earlier life of ours (RFC 6887 §11.4).
        if (reply === undefined || reply.type === 'announce' || !isNonce(reply.nonce, wish.nonce)) return;
        if (reply.type === 'refused') {
          finish(refused(`pcp: refused with result ${reply.result}`, reply.lifetimeS));
          return;
        }
        if (reply.internalPort !== link.port) return;
        const { external: ip, externalPort: port, lifetimeS } = reply;
        const lease = leaseOf({ ip, port, lifetimeS }, wire.clock.monotonic());
        finish(
          typeof lease === 'string'
            ? refused(`pcp: ${lease}`)
            : { ok: true, mapping: { protocol: 'pcp', nonce: wish.nonce, ...lease }, epochS: reply.epochS },
        );
      },
    },
    signal,
  );
  return outcome ?? refused('pcp: no answer');
}

const isNonce = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

/** One datagram, and nobody waits for what comes of it; the lease would end by itself. */
export async function releaseByUdp(
  wire: Wire,
  link: Link,
  mapping: Extract<Mapping, { readonly protocol: 'nat-pmp' | 'pcp' }>,
): Promise<void> {
  const self = parseIp(link.self);
  if (self === undefined) return;
  const request =
    mapping.protocol === 'nat-pmp'
      ? encodePmpMap({ internalPort: link.port, externalPort: 0, lifetimeS: 0 })
      : encodePcpMap({
          self,
          nonce: mapping.nonce,
          internalPort: link.port,
          externalPort: mapping.external.port,
          external: parseIp(mapping.external.ip) ?? ANY_IP,
          lifetimeS: 0,
        });
  const socket = await wire.openUdp({ localIp: link.self, receive: () => undefined });
  try {
    socket.send(serverOf(link), request);
  } finally {
    await socket.close();
  }
}
