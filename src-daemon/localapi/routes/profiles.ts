/** `profiles/…`: list, create, show, switch, delete (localapi-and-daemon.md §3.9). */
import { RhumbError } from '#shared/errors.ts';
import { encodeLoginProfile } from '#shared/localapi/user.ts';
import type { Call } from '../call.ts';
import { sendJson, sendNothing, sendText } from '../reply.ts';
import { type RouteTable, write } from '../route.ts';

export const profileRoutes: RouteTable = {
  'profiles/': write('profiles', ['GET', 'PUT', 'POST', 'DELETE'], profiles),
  'profiles/current': write('profiles', ['GET'], ({ backend, response }) =>
    sendJson(response, encodeLoginProfile(backend.currentProfile())),
  ),
};

async function profiles(call: Call): Promise<void> {
  const { backend, method, rest: id, response } = call;
  if (id === '') {
    await list(call);
    return;
  }
  switch (method) {
    case 'GET': {
      const found = backend.allProfiles().find(({ ID }) => ID === id);
      if (found === undefined) throw new RhumbError('not-found', 'Profile not found');
      sendJson(response, encodeLoginProfile(found));
      return;
    }
    case 'POST':
      await backend.switchProfile(id);
      sendNothing(response, 204);
      return;
    case 'DELETE':
      await backend.deleteProfile(id);
      sendNothing(response, 204);
      return;
    default:
      sendText(response, 'use GET, POST or DELETE', 405);
  }
}

async function list({ backend, method, response }: Call): Promise<void> {
  if (method === 'GET') {
    sendJson(response, backend.allProfiles().map(encodeLoginProfile));
    return;
  }
  if (method !== 'PUT') {
    sendText(response, 'use GET or PUT', 405);
    return;
  }
  await backend.newProfile();
  sendNothing(response, 201);
}
