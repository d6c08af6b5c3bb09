/** Routes on what the daemon is doing: status, the bus, start and end, signing in and out (localapi-and-daemon.md §2.1). */
import { parseStartOptions } from '#shared/localapi/prefs.ts';
import { encodeStatus } from '#shared/localapi/status.ts';
import { readJson } from '../body.ts';
import { goBool } from '../params.ts';
import { sendJson, sendNothing, sendText } from '../reply.ts';
import { post, type RouteTable, read } from '../route.ts';
import { watchBus } from '../watch.ts';

export const stateRoutes: RouteTable = {
  status: read('status', ['GET', 'HEAD', 'POST'], ({ backend, query, response }) =>
    sendJson(response, encodeStatus(backend.status(goBool(query.get('peers'), true)))),
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
  shutdown: post('shutdown', ({ response, shutdown }) => {
    response.once('finish', shutdown);
    sendText(response, 'shutting down');
  }),
};
