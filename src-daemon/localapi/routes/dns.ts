/** Routes on names: what the network wants, what the system was told, what our resolver answers (localapi-and-daemon.md §2.1, §7). */
import { RhumbError } from '#shared/errors.ts';
import type { Call } from '../call.ts';
import { mapOf } from '../map.ts';
import { sendJson } from '../reply.ts';
import { type RouteTable, read, write } from '../route.ts';

export const dnsRoutes: RouteTable = {
  'dns-config': read('dns-config', ['GET', 'HEAD'], ({ backend, response }) =>
    sendJson(response, mapOf(backend).dns ?? {}),
  ),
  'dns-osconfig': write('dns-osconfig dump', ['GET'], systemDns),
  'dns-query': write('dns-query', ['GET'], query),
  'cert-domains': read('cert-domains', ['GET', 'HEAD'], ({ backend, response }) => {
    const domains = backend.map?.dns?.CertDomains;
    sendJson(response, domains === undefined ? null : [...domains].sort());
  }),
};

function systemDns({ dns, response }: Call): void {
  const told = dns?.systemDns();
  // Clients look for these two words, which mean that there is nothing to show.
  if (told === undefined)
    throw new RhumbError('unavailable', 'not supported: the system resolver is not set up by us');
  const withoutDot = (names: readonly string[]): string[] => names.map((name) => name.replace(/\.$/, ''));
  sendJson(response, {
    Nameservers: told.nameservers,
    SearchDomains: withoutDot(told.searchDomains),
    MatchDomains: withoutDot(told.matchDomains),
  });
}

const MAX_NAME = 255;
const MAX_TYPE = 32;

async function query({ dns, query: parameters, response, signal }: Call): Promise<void> {
  const name = parameters.get('name') ?? '';
  const type = (parameters.get('type') ?? '').trim();
  if (name === '' || name.length > MAX_NAME)
    throw new RhumbError('bad-argument', "missing or overlong 'name' parameter");
  if (type.length > MAX_TYPE) throw new RhumbError('bad-argument', "overlong 'type' parameter");
  if (dns === undefined) throw new RhumbError('unavailable', 'this daemon has no resolver');
  const { bytes, resolvers } = await dns.query(name, type === '' ? 'A' : type, signal);
  sendJson(response, {
    Bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'),
    Resolvers: resolvers.map(({ addr, bootstrap }) => ({
      Addr: addr,
      ...(bootstrap.length > 0 && { BootstrapResolution: bootstrap }),
    })),
  });
}
