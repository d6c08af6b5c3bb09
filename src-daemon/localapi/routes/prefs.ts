/** `prefs` and `check-prefs`: what the user wants (localapi-and-daemon.md §2.1, §5). */
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import { decodeReason, HEADER_REASON } from '#shared/localapi/http.ts';
import { encodePrefs, parseMaskedPrefs, parsePrefs } from '#shared/localapi/prefs.ts';
import { readJson } from '../body.ts';
import type { Call } from '../call.ts';
import { sendError, sendJson } from '../reply.ts';
import { type RouteTable, read, write } from '../route.ts';

export const prefsRoutes: RouteTable = {
  prefs: read('prefs', ['GET', 'HEAD', 'PATCH'], prefs),
  'check-prefs': write('checkprefs', ['POST'], checkPrefs),
};

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
