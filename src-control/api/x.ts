/** `/api/x`: what only this server has. The calls of the command line, for one that runs elsewhere. */
import type { Hono } from 'hono';
import { RhumbError } from '#shared/errors.ts';
import { stringifyJson } from '#shared/wire/json.ts';
import { may } from '../admin/caller.ts';
import { carryOutUnknown, isCallName } from '../admin/calls.ts';
import { parseBody } from '../http/body.ts';
import { type ApiContext, type ApiDeps, type ApiEnv, callerOf, failureOf, refuse } from './app.ts';

export function mountX(app: Hono<ApiEnv>, deps: ApiDeps): void {
  app.post('/api/x/call/:name', async (c) => {
    try {
      const by = callerOf(c, deps);
      const name = c.req.param('name');
      if (!isCallName(name))
        throw new RhumbError('not-found', 'the server does not know this command: is it an older version?');
      const arg = c.env.body.length === 0 ? {} : parseBody(c.env.body);
      const answer = await carryOutUnknown(deps.admin, name, arg, by);
      deps.meter.count('api_requests', { surface: 'x', status: '200' });
      return c.body(stringifyJson(answer), 200, {
        'content-type': 'application/json',
        'cache-control': 'no-store',
      });
    } catch (error) {
      return refuse(c, deps, 'x', failureOf(deps, error));
    }
  });
  app.get('/api/x/events', (c) => {
    try {
      return listen(c, deps);
    } catch (error) {
      return refuse(c, deps, 'x', failureOf(deps, error));
    }
  });
}

/** What they see of a network they see through these: whoever may see all machines hears of all. */
const NEED = 'devices:core:read';

function listen(c: ApiContext, deps: ApiDeps): Response {
  const by = callerOf(c, deps);
  if (!may(by, NEED)) {
    deps.admin.refusals.note(by, 'GET /api/x/events', NEED);
    throw new RhumbError('not-allowed', `not allowed: this needs the scope ${NEED}`);
  }
  const header = c.req.header('authorization');
  const isOpen = c.env.listen?.({
    // A key that ends, or loses the scope, hears nothing more.
    userNow: () => {
      const holder = deps.credentials.holderOf(header, c.env.remoteAddress);
      if (holder === undefined || !may(holder.by, NEED)) return undefined;
      return { id: holder.by.userId ?? -holder.keyId, seesAll: true };
    },
  });
  if (isOpen !== true) throw new RhumbError('unavailable', 'too many programs listen already: end some');
  deps.meter.count('api_requests', { surface: 'x', status: '200' });
  // Answered by now; this one is for nobody.
  return new Response(null, { status: 200 });
}
