/** What clients ask of parts that this daemon has none of yet, and for which "nothing there" is the answer they need. */
import { RhumbError } from '#shared/errors.ts';
import type { Call } from '../call.ts';
import { sendJson } from '../reply.ts';
import { type RouteTable, read, write } from '../route.ts';

export const absentRoutes: RouteTable = {
  'serve-config': read('serve config', ['GET', 'HEAD'], ({ response }) => {
    // Nothing is served yet; the tag is that of the absent configuration. Official daemons say null, which Go reads as this
    // and some other clients refuse.
    response.setHeader('Etag', '');
    sendJson(response, {});
  }),
  // Files can't be sent yet, so nobody is there to send to, and nothing waits. Windows that poll these would else report
  // an error every few seconds.
  'file-targets': read('file', ['GET', 'HEAD'], ({ response }) => sendJson(response, [])),
  'files/': write('file', ['GET', 'HEAD'], files),
  // No app connector runs here: no routes of one.
  'appc-route-info': read('appc-route-info', ['GET', 'HEAD'], ({ response }) => sendJson(response, {})),
};

const MAX_WAIT_S = 3_600;

/** `waitsec` holds the answer back until a file comes, and clients ask again at once: without the wait they would spin. */
async function files({ clock, rest, query, response, signal }: Call): Promise<void> {
  if (rest !== '') throw new RhumbError('not-found', 'no such file');
  const wait = Number(query.get('waitsec') ?? '0');
  if (!Number.isInteger(wait) || wait < 0)
    throw new RhumbError('bad-argument', "invalid 'waitsec' parameter");
  if (wait > 0) await clock.sleep(Math.min(wait, MAX_WAIT_S) * 1_000, signal);
  sendJson(response, null);
}
