/** Routes on what the daemon is doing: status, the bus, start and end, signing in and out (localapi-and-daemon.md §2.1). */
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import { parseStartOptions } from '#shared/localapi/prefs.ts';
import { encodeClientVersion } from '#shared/localapi/status.ts';
import { readJson } from '../body.ts';
import type { Call } from '../call.ts';
import { goBool } from '../params.ts';
import { sendJson, sendNothing, sendRaw, sendText } from '../reply.ts';
import { post, type RouteTable, read, write } from '../route.ts';
import { statusBytes } from '../status-bytes.ts';
import { watchBus } from '../watch.ts';

export const stateRoutes: RouteTable = {
  status: read('status', ['GET', 'HEAD', 'POST'], ({ backend, query, response }) =>
    sendRaw(response, statusBytes(backend.status(goBool(query.get('peers'), true)))),
  ),
  'watch-ipn-bus': read('watch ipn bus', ['GET'], watchBus),
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
  'reset-auth': write('reset-auth modify', ['POST'], async ({ backend, response }) => {
    await backend.resetAuth();
    sendNothing(response, 204);
  }),
  shutdown: post('shutdown', ({ response, shutdown }) => {
    response.once('finish', shutdown);
    sendText(response, 'shutting down');
  }),
  'disconnect-control': write('disconnect-control', ['POST'], async ({ backend, response }) => {
    await backend.disconnectControl();
    response.writeHead(200, { 'Content-Length': 0 });
    response.end();
  }),
  // This daemon takes its settings from clients alone: there is no file to read again.
  'reload-config': write('reload-config', ['POST'], ({ response }) =>
    sendJson(response, { Reloaded: false, Err: '' }),
  ),
  'set-expiry-sooner': write('set-expiry-sooner', ['POST'], setExpirySooner),
  'update/check': read('update check', ['GET'], ({ backend, response }) =>
    sendJson(response, releases(backend)),
  ),
  // Which windows are open is of no use to this daemon; clients that tell it need a success.
  'set-gui-visible': read('set-gui-visible', ['POST'], async ({ request, response }) => {
    await readJson(request);
    response.writeHead(200, { 'Content-Length': 0 });
    response.end();
  }),
};

/** Without news of the server this is the newest release, which is what clients expect then. */
const releases = ({ map }: Call['backend']): unknown =>
  map?.clientVersion === undefined ? { RunningLatest: true } : encodeClientVersion(map.clientVersion);

const MAX_UNIX_SECONDS = 253_402_300_799; // the end of the year 9999, the last that the wire's form of a time can say

async function setExpirySooner({ backend, query, response, signal }: Call): Promise<void> {
  const text = query.get('expiry') ?? '';
  if (text === '') throw new RhumbError('bad-argument', "missing 'expiry' parameter, a unix timestamp");
  const seconds = Number(text);
  if (!/^-?\d{1,15}$/.test(text) || Math.abs(seconds) > MAX_UNIX_SECONDS)
    throw new RhumbError('bad-argument', "can't parse expiry time, expects a unix timestamp");
  try {
    await backend.setExpirySooner(seconds * 1_000, signal);
  } catch (error) {
    // As official daemons: whatever the server says, the request is to blame.
    throw new RhumbError('bad-argument', toRhumbError(error).message, { cause: error });
  }
  sendText(response, 'done');
}
