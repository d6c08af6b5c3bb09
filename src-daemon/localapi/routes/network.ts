/** Routes on the network and its machines: whois, ping, relays, checks of this machine (localapi-and-daemon.md §2.1). */
import { readFile } from 'node:fs/promises';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import { encodePingResult, encodeWhoIs, parsePingKind } from '#shared/localapi/misc.ts';
import type { Call } from '../call.ts';
import { sendError, sendJson } from '../reply.ts';
import { type RouteTable, read, WANT_GET, WANT_POST } from '../route.ts';

export const networkRoutes: RouteTable = {
  whois: read('whois', ['GET'], whois),
  ping: { ...read('ping', ['POST'], ping), wrongMethod: WANT_POST },
  derpmap: {
    ...read('derpmap', ['GET'], ({ backend, response }) => sendJson(response, backend.derpMap() ?? null)),
    wrongMethod: WANT_GET,
  },
  'check-ip-forwarding': read('IP forwarding check', ['GET'], checkForwarding),
  'check-udp-gro-forwarding': read('UDP GRO check', ['GET'], ({ response }) =>
    sendJson(response, { Warning: '' }),
  ),
};

function whois({ backend, query, response }: Call): void {
  const addr = query.get('addr');
  if (addr === null || addr === '') throw new RhumbError('bad-argument', "missing 'addr' parameter");
  const found = backend.whoIs(addr);
  if (found === undefined) throw new RhumbError('not-found', 'no match for IP:port');
  sendJson(response, encodeWhoIs(found));
}

/** What fits into one datagram over IPv4, as official daemons have it: 65 503 bytes of content less its headers. */
const MAX_PING_BYTES = 65_475;

async function ping({ backend, query, response, signal }: Call): Promise<void> {
  const ip = query.get('ip') ?? '';
  const kind = parsePingKind(query.get('type') ?? '');
  if (ip === '') throw new RhumbError('bad-argument', "missing 'ip' parameter");
  if (kind === undefined) throw new RhumbError('bad-argument', "missing or unknown 'type' parameter");
  const text = query.get('size') ?? '0';
  const size = Number(text === '' ? '0' : text);
  if (!Number.isInteger(size) || size < 0) throw new RhumbError('bad-argument', "invalid 'size' parameter");
  if (size !== 0 && kind !== 'disco')
    throw new RhumbError('bad-argument', "'size' parameter is only supported with disco pings");
  if (size > MAX_PING_BYTES)
    throw new RhumbError('bad-argument', `maximum value for 'size' is ${MAX_PING_BYTES}`);
  try {
    sendJson(response, encodePingResult(await backend.ping({ ip, kind, size }, signal)));
  } catch (error) {
    if (signal.aborted) return; // the client stopped waiting, which is how pings end without an answer
    sendError(response, 500, toRhumbError(error).message);
  }
}

const FORWARDING = ['/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv6/conf/all/forwarding'] as const;

async function checkForwarding({ response }: Call): Promise<void> {
  const off: string[] = [];
  for (const path of FORWARDING) {
    const value = await readFile(path, 'utf8').catch(() => undefined); // a kernel without that family
    if (value !== undefined && value.trim() === '0') off.push(path);
  }
  const warning =
    off.length === 0 ? '' : `IP forwarding is off (${off.join(', ')} is 0), so subnet routes won't work.`;
  sendJson(response, { Warning: warning });
}
