/** Routes that only this daemon has, for its own faces: traffic by the second, the last lines of the log, a link to its page. */
import { RhumbError } from '#shared/errors.ts';
import { encodeRhumbFacts, encodeRhumbPath } from '#shared/localapi/rhumb.ts';
import type { Call } from '../call.ts';
import { goBool } from '../params.ts';
import { sendJson, sendText } from '../reply.ts';
import { type RouteTable, read, write } from '../route.ts';
import { streamLines } from '../stream.ts';

export const ownRoutes: RouteTable = {
  'rhumb/traffic': read('traffic', ['GET'], traffic),
  'rhumb/facts': read('status', ['GET'], ({ backend, response }) =>
    sendJson(response, encodeRhumbFacts(backend.facts())),
  ),
  'rhumb/engine': read('status', ['GET'], ({ engine, response }) => {
    if (engine === undefined) throw new RhumbError('unavailable', 'this daemon moves no packets');
    sendJson(response, { Kind: engine.kind, Cipher: engine.cipher, Reason: engine.reason });
  }),
  'rhumb/path': read('status', ['GET'], ({ backend, plane, query, response }) => {
    if (plane === undefined) throw new RhumbError('unavailable', 'this daemon has no paths to show');
    const peer = peerOf(backend, query.get('device') ?? '');
    sendJson(response, encodeRhumbPath({ Tried: peer === undefined ? [] : plane.tried(peer) }));
  }),
  'rhumb/log': write('log', ['GET'], ({ logs, response }) => {
    if (logs === undefined) throw new RhumbError('unavailable', 'this daemon keeps no log');
    sendText(response, logs.recent().join(''));
  }),
  // Everyone on the machine may look; what the link lets its visitor do is what he may do here.
  'rhumb/web': read('web page', ['POST'], async ({ web, actor, query, response }) => {
    if (web === undefined)
      throw new RhumbError('unavailable', 'this daemon was built without its page; use the other commands');
    const canWrite = actor.canWrite && !goBool(query.get('readonly'), false);
    sendJson(response, { URL: await web.link({ uid: actor.uid, canWrite, isAdmin: actor.isAdmin }) });
  }),
};

const MAX_SECONDS = 3_600;
const DEFAULT_SECONDS = 60;
const MAX_ID = 128;

/** One line for the past, then one for each second to come. */
async function traffic({ backend, traffic: history, query, response, signal }: Call): Promise<void> {
  if (history === undefined) throw new RhumbError('unavailable', 'this daemon counts no traffic');
  const text = query.get('seconds') ?? String(DEFAULT_SECONDS);
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (seconds < 1 || seconds > MAX_SECONDS)
    throw new RhumbError('bad-argument', `'seconds' must be between 1 and ${MAX_SECONDS}`);
  const peer = peerOf(backend, query.get('device'));
  await streamLines(response, signal, (line) => {
    line(JSON.stringify(history.past(seconds, peer)));
    return history.subscribe((news) => line(JSON.stringify(history.past(news, peer))));
  });
}

function peerOf(
  backend: Call['backend'],
  id: string | null,
): Parameters<NonNullable<Call['traffic']>['past']>[1] {
  if (id === null) return undefined;
  if (id === '' || id.length > MAX_ID) throw new RhumbError('bad-argument', "invalid 'device' parameter");
  for (const peer of backend.map?.peers.values() ?? []) if (peer.StableID === id) return peer.Key;
  throw new RhumbError('not-found', 'no device with that id');
}
