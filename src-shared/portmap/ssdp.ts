/** Finding the router's UPnP description: SSDP searches and their replies (UPnP Device Architecture 1.1 §1.3). */
import type { SockAddr } from '../ip/address.ts';
import { atGateway } from './url.ts';

export const SSDP_PORT = 1900;
const GROUP: SockAddr = { ip: '239.255.255.250', port: SSDP_PORT };
const IGD = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1';
const MAX_REPLY_BYTES = 2_048;
const MAX_HEADERS = 40;
const MAX_REPLIES = 12;

export interface SsdpReply {
  /** At the gateway, whatever host the reply named. */
  readonly location: string;
  readonly server: string;
  readonly usn: string;
}

/**
 * Unicast first: it teaches firewalls between us and the router to let the reply to the multicast one in. The second
 * search by name is for routers that answer "all" with their first device only.
 */
export function searches(
  gateway: string,
): readonly { readonly to: SockAddr; readonly datagram: Uint8Array }[] {
  return [
    { to: { ip: gateway, port: SSDP_PORT }, datagram: search('ssdp:all') },
    { to: GROUP, datagram: search('ssdp:all') },
    { to: GROUP, datagram: search(IGD) },
  ];
}

const search = (target: string): Uint8Array =>
  new TextEncoder().encode(
    [
      'M-SEARCH * HTTP/1.1',
      `HOST: ${GROUP.ip}:${GROUP.port}`,
      `ST: ${target}`,
      'MAN: "ssdp:discover"',
      'MX: 2',
      '',
      '',
    ].join('\r\n'),
  );

/** A reply of an Internet gateway; its description is then looked for at `gateway` alone. */
export function decodeSsdp(data: Uint8Array, gateway: string): SsdpReply | undefined {
  if (data.length > MAX_REPLY_BYTES) return undefined;
  const [status = '', ...lines] = new TextDecoder('latin1').decode(data).split('\r\n', MAX_HEADERS);
  if (!/^HTTP\/1\.[01] 200\b/.test(status)) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const usn = headers.get('usn') ?? '';
  if (
    !usn.includes(':InternetGatewayDevice:') &&
    headers.get('st')?.includes(':InternetGatewayDevice:') !== true
  )
    return undefined;
  const location = atGateway(headers.get('location') ?? '', gateway);
  if (location === undefined) return undefined;
  return { location, server: headers.get('server') ?? '', usn };
}

/** Version 2 before 1, each description once. */
export function orderReplies(replies: readonly SsdpReply[]): SsdpReply[] {
  const sorted = [...replies].sort((a, b) => (a.usn < b.usn ? 1 : a.usn > b.usn ? -1 : 0));
  const seen = new Set<string>();
  return sorted
    .filter(({ location, server }) => {
      const key = `${location} ${server}`;
      return !seen.has(key) && seen.add(key);
    })
    .slice(0, MAX_REPLIES);
}
