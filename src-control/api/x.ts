/** `/api/x`: what only this server has. The calls of the command line, for one that runs elsewhere. */
import type { Hono } from 'hono';
import { RhumbError } from '#shared/errors.ts';
import { stringifyJson } from '#shared/wire/json.ts';
import { carryOutUnknown, isCallName } from '../admin/calls.ts';
import { parseBody } from '../http/body.ts';
import { type ApiDeps, type ApiEnv, callerOf, failureOf, refuse } from './app.ts';

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
}
