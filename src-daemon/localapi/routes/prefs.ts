/** `prefs` and `check-prefs`: what the user wants (localapi-and-daemon.md §2.1, §5). */
import { toRhumbError } from '#shared/errors.ts';
import { encodePrefs, parseMaskedPrefs, parsePrefs } from '#shared/localapi/prefs.ts';
import { readJson } from '../body.ts';
import type { Call } from '../call.ts';
import { sendError, sendJson } from '../reply.ts';
import { type RouteTable, read, write } from '../route.ts';

export const prefsRoutes: RouteTable = {
  prefs: { ...read('prefs', ['GET', 'HEAD', 'PATCH'], prefs), writes: ['PATCH'] },
  'check-prefs': write('checkprefs', ['POST'], checkPrefs),
};

async function prefs({ backend, method, request, response }: Call): Promise<void> {
  if (method !== 'PATCH') {
    sendJson(response, encodePrefs(backend.prefs()));
    return;
  }
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
