/** Routes on single machines, users and services of the map (localapi-and-daemon.md §2.1). */
import { RhumbError } from '#shared/errors.ts';
import { canonicalIp } from '#shared/ip/address.ts';
import { encodeWhoIs } from '#shared/localapi/misc.ts';
import { encodeNode } from '#shared/localapi/node.ts';
import { encodeUserProfile } from '#shared/localapi/user.ts';
import type { Call } from '../call.ts';
import { mapOf } from '../map.ts';
import { positiveId } from '../params.ts';
import { sendJson } from '../reply.ts';
import { type RouteTable, read } from '../route.ts';
import { servicesOf } from '../services.ts';

const LOOK = ['GET', 'HEAD', 'POST'] as const;

export const nodeRoutes: RouteTable = {
  whois: read('whois', LOOK, whois),
  'peer-by-id': read('peer-by-id', LOOK, ({ backend, query, response }) => {
    const peer = backend.map?.peers.get(positiveId(query));
    if (peer === undefined) throw new RhumbError('not-found', 'no peer with that NodeID');
    sendJson(response, encodeNode(peer));
  }),
  'user-profile': read('user-profile', LOOK, ({ backend, query, response }) => {
    const user = backend.map?.users.get(positiveId(query));
    if (user === undefined) throw new RhumbError('not-found', 'no user with that UserID');
    sendJson(response, encodeUserProfile({ ...user, ProfilePicURL: user.ProfilePicURL ?? '' }));
  }),
  services: read('services', LOOK, ({ backend, response }) =>
    sendJson(response, servicesOf(mapOf(backend).self)),
  ),
};

const MAX_ADDR = 256;

function whois({ backend, query, response }: Call): void {
  const addr = query.get('addr') ?? '';
  if (addr === '') throw new RhumbError('bad-argument', "missing 'addr' parameter");
  if (addr.length > MAX_ADDR) throw new RhumbError('bad-argument', "invalid 'addr' parameter");
  const service = query.get('svc_name') ?? '';
  const ip = query.get('dst_ip') ?? '';
  if (service !== '' && !/^svc:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(service))
    throw new RhumbError('bad-argument', 'invalid svc_name');
  if (ip !== '' && canonicalIp(ip) === undefined) throw new RhumbError('bad-argument', 'invalid dst_ip');
  // `proto` tells apart connections that a proxy of ours made for a peer; a machine with a tunnel device has none.
  const found = backend.whoIs(addr, { ip, service });
  if (found === undefined) throw new RhumbError('not-found', 'no match for IP:port');
  sendJson(response, encodeWhoIs(found));
}
