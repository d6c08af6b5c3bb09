/** The routes of the local API: name, permission, methods, handler (localapi-and-daemon.md §2.1). */
import { readFile } from 'node:fs/promises';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import { decodeReason, HEADER_REASON } from '#shared/localapi/http.ts';
import { encodePingResult, encodeWhoIs, parsePingKind } from '#shared/localapi/misc.ts';
import { encodePrefs, parseMaskedPrefs, parsePrefs, parseStartOptions } from '#shared/localapi/prefs.ts';
import { encodeStatus } from '#shared/localapi/status.ts';
import { encodeLoginProfile } from '#shared/localapi/user.ts';
import { readJson } from './body.ts';
import type { Call } from './call.ts';
import { profiles } from './profile-routes.ts';
import { sendError, sendJson, sendNothing, sendText } from './reply.ts';
import { watchBus } from './watch.ts';

export interface Route {
  readonly needs: 'read' | 'write';
  /** What a refusal names: `<thing> access denied`. */
  readonly thing: string;
  readonly methods: readonly string[];
  /** Of a wrong method; the official daemon answers some with 400 and a text that tests look at. */
  readonly wrongMethod?: { readonly status: number; readonly text: string };
  readonly handle: (call: Call) => Promise<void> | void;
}

const WANT_POST = { status: 400, text: 'want POST' } as const;
const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

const read = (thing: string, methods: readonly string[], handle: Route['handle']): Route => ({
  needs: 'read',
  thing,
  methods,
  handle,
});
const post = (thing: string, handle: Route['handle']): Route => ({
  needs: 'write',
  thing,
  methods: ['POST'],
  wrongMethod: WANT_POST,
  handle,
});

export const routes: Readonly<Record<string, Route>> = {
  status: read('status', ['GET', 'HEAD', 'POST'], ({ backend, query, response }) =>
    sendJson(response, encodeStatus(backend.status(goBool(query.get('peers'), true)))),
  ),
  'watch-ipn-bus': read('watch ipn bus', ['GET'], watchBus),
  prefs: read('prefs', ['GET', 'HEAD', 'PATCH'], prefs),
  'check-prefs': { needs: 'write', thing: 'checkprefs', methods: ['POST'], handle: checkPrefs },
  start: post('start', async ({ backend, request, response }) => {
    await backend.startWith(parseStartOptions(await readJson(request)));
    sendNothing(response, 204);
  }),
  'login-interactive': post('login', async ({ backend, actor, response }) => {
    await backend.loginInteractive({ uid: actor.uid });
    sendNothing(response, 204);
  }),
  logout: post('logout', async ({ backend, response, signal }) => {
    await backend.logout(signal);
    sendNothing(response, 204);
  }),
  shutdown: post('shutdown', ({ response, shutdown }) => {
    response.once('finish', shutdown);
    sendText(response, 'shutting down');
  }),
  whois: read('whois', ['GET'], whois),
  ping: { ...read('ping', ['POST'], ping), wrongMethod: WANT_POST },
  'profiles/': {
    needs: 'write',
    thing: 'profiles',
    methods: ['GET', 'PUT', 'POST', 'DELETE'],
    handle: profiles,
  },
  'profiles/current': {
    needs: 'write',
    thing: 'profiles',
    methods: ['GET'],
    handle: ({ backend, response }) => sendJson(response, encodeLoginProfile(backend.currentProfile())),
  },
  metrics: {
    needs: 'write',
    thing: 'metric',
    methods: ['GET'],
    handle: ({ clientMetrics, response }) => sendText(response, clientMetrics.text(), 200, PROMETHEUS),
  },
  usermetrics: read('usermetrics', ['GET'], ({ userMetrics, response }) =>
    sendText(response, userMetrics.text(), 200, PROMETHEUS),
  ),
  derpmap: {
    ...read('derpmap', ['GET'], ({ backend, response }) => sendJson(response, backend.derpMap() ?? null)),
    wrongMethod: { status: 400, text: 'want GET' },
  },
  'serve-config': read('serve config', ['GET'], ({ response }) => {
    // Nothing is served yet; the tag is that of the absent configuration.
    response.setHeader('Etag', '');
    sendJson(response, null);
  }),
  'check-ip-forwarding': read('IP forwarding check', ['GET'], checkForwarding),
  'check-udp-gro-forwarding': read('UDP GRO check', ['GET'], ({ response }) =>
    sendJson(response, { Warning: '' }),
  ),
};

/** strconv.ParseBool of Go; anything else, and absence, gives the default. */
function goBool(text: string | null, fallback: boolean): boolean {
  if (text === null) return fallback;
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  return /^(0|f|F|FALSE|false|False)$/.test(text) ? false : fallback;
}

async function prefs({ backend, actor, method, request, response }: Call): Promise<void> {
  if (method !== 'PATCH') {
    sendJson(response, encodePrefs(backend.prefs()));
    return;
  }
  if (!actor.canWrite) throw new RhumbError('not-allowed', 'prefs write access denied');
  const reason = request.headers[HEADER_REASON.toLowerCase()];
  if (decodeReason(typeof reason === 'string' ? reason : undefined) === false)
    throw new RhumbError('bad-argument', 'invalid reason header');
  const body = await readJson(request);
  try {
    sendJson(response, encodePrefs(await backend.editPrefs(parseMaskedPrefs(body))));
  } catch (error) {
    const { code, message } = toRhumbError(error);
    if (code !== 'bad-argument') throw error;
    sendError(response, 400, message);
  }
}

/** Always 200: the answer is in the body. */
async function checkPrefs({ backend, request, response }: Call): Promise<void> {
  const body = await readJson(request);
  try {
    backend.checkPrefs(parsePrefs(body));
    sendJson(response, {});
  } catch (error) {
    sendError(response, 200, toRhumbError(error).message);
  }
}

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
