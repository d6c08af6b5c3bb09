/** Routes on ways through the network: pings, relays, dialling, exit nodes, what this machine can carry (localapi-and-daemon.md §2.1). */
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import { canonicalIp } from '#shared/ip/address.ts';
import { encodePingResult, parsePingKind } from '#shared/localapi/misc.ts';
import { encodePrefs } from '#shared/localapi/prefs.ts';
import type { Call } from '../call.ts';
import { dial } from '../dial.ts';
import { goBool, goDuration, strictBool } from '../params.ts';
import type { ForwardingPart } from '../parts.ts';
import { sendError, sendJson, sendNothing } from '../reply.ts';
import { type RouteTable, read, WANT_GET, WANT_POST, write } from '../route.ts';
import { probeRoutes } from '../route-check.ts';

export const networkRoutes: RouteTable = {
  ping: { ...read('ping', ['POST'], ping), wrongMethod: WANT_POST },
  derpmap: {
    ...read('derpmap', ['GET'], ({ backend, response }) => sendJson(response, backend.derpMap() ?? null)),
    wrongMethod: WANT_GET,
  },
  dial: { ...read('dial', ['POST'], dial), wrongMethod: { status: 405, text: 'POST required' } },
  'suggest-exit-node': read('suggest-exit-node', ['GET', 'POST'], suggestExitNode),
  'set-use-exit-node-enabled': write('exit node', ['POST'], useExitNode),
  routecheck: read('routecheck', ['POST'], routeCheck),
  'check-ip-forwarding': read('IP forwarding check', ['GET'], (call) => warn(call, 'ipForwarding')),
  'check-udp-gro-forwarding': read('UDP GRO forwarding check', ['GET'], (call) => warn(call, 'udpGro')),
  // GET although it changes something: that is how clients send it (§2.1).
  'set-udp-gro-forwarding': write('UDP GRO forwarding set', ['GET', 'POST'], (call) =>
    warn(call, 'setUdpGro'),
  ),
  'check-so-mark-in-use': read('SO_MARK check', ['GET'], ({ usesMark, response }) =>
    sendJson(response, { UseSOMark: usesMark === true }),
  ),
};

/** What fits into one datagram over IPv4, as official daemons have it: 65 503 bytes of content less its headers. */
const MAX_PING_BYTES = 65_475;

async function ping({ backend, query, response, signal }: Call): Promise<void> {
  const ip = query.get('ip') ?? '';
  const type = query.get('type') ?? '';
  const kind = parsePingKind(type);
  if (ip === '') throw new RhumbError('bad-argument', "missing 'ip' parameter");
  if (canonicalIp(ip) === undefined) throw new RhumbError('bad-argument', 'invalid IP');
  if (kind === undefined) throw new RhumbError('bad-argument', "missing or unknown 'type' parameter");
  const size = pingSize(query.get('size') ?? '', kind);
  try {
    sendJson(response, encodePingResult(await backend.ping({ ip, kind, size }, signal)));
  } catch (error) {
    if (signal.aborted) return; // the client stopped waiting, which is how pings end without an answer
    sendError(response, 500, toRhumbError(error).message);
  }
}

function pingSize(text: string, kind: string): number {
  const size = Number(text);
  if (!Number.isInteger(size) || size < 0) throw new RhumbError('bad-argument', "invalid 'size' parameter");
  if (size !== 0 && kind !== 'disco')
    throw new RhumbError('bad-argument', "'size' parameter is only supported with disco pings");
  if (size > MAX_PING_BYTES)
    throw new RhumbError('bad-argument', `maximum value for 'size' is ${MAX_PING_BYTES}`);
  return size;
}

const DEFAULT_PROBE_MS = 5_000;
const MAX_PROBE_MS = 60_000;

/** How long routers may take to answer; undefined = they are not asked. */
function probeMs(query: URLSearchParams): number | undefined {
  if (!goBool(query.get('probe'), false)) return undefined;
  const wanted = goDuration(query.get('timeout')) ?? DEFAULT_PROBE_MS;
  return wanted < 0 ? DEFAULT_PROBE_MS : Math.min(wanted, MAX_PROBE_MS);
}

async function suggestExitNode({ backend, clock, query, method, response, signal }: Call): Promise<void> {
  const timeoutMs = method === 'POST' ? probeMs(query) : undefined;
  try {
    // Who answers now is what the choice between equals goes by.
    if (timeoutMs !== undefined) await probeRoutes(backend, clock, timeoutMs, signal);
    sendJson(response, backend.suggestExitNode());
  } catch (error) {
    sendError(response, 500, toRhumbError(error).message);
  }
}

async function useExitNode({ backend, query, response }: Call): Promise<void> {
  const enabled = strictBool(query.get('enabled'));
  if (enabled === undefined) throw new RhumbError('bad-argument', "invalid 'enabled' parameter");
  sendJson(response, encodePrefs(await backend.setUseExitNodeEnabled(enabled)));
}

/** Without a probe there is no report: nothing is probed in the background. */
async function routeCheck({ backend, clock, query, response, signal }: Call): Promise<void> {
  const timeoutMs = probeMs(query);
  if (timeoutMs === undefined) sendNothing(response, 204);
  else sendJson(response, await probeRoutes(backend, clock, timeoutMs, signal));
}

async function warn({ forwarding, response }: Call, check: keyof ForwardingPart): Promise<void> {
  sendJson(response, { Warning: forwarding === undefined ? '' : await forwarding[check]() });
}
