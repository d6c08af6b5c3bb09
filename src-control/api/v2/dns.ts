/** `/tailnet/{t}/dns/…`: nameservers, split DNS, search paths, preferences, and all of it at once (coordination-server.md §13.4). */
import { z } from 'zod';
import type { DnsJson, NameserverJson } from '../../admin/dns.ts';
import { type Asked, endpoint } from '../endpoint.ts';
import { checkTailnet, inTailnet } from './common.ts';

const addresses = z.array(z.string().max(512)).max(64);
const path = (last: string): string => `/api/v2/tailnet/:t/dns/${last}`;
const plain = (list: readonly NameserverJson[]): string[] => list.map(({ address }) => address);
const splitOf = (dns: DnsJson): Record<string, string[]> =>
  Object.fromEntries(Object.entries(dns.split_dns).map(([domain, list]) => [domain, plain(list)]));

const server = z.object({ address: z.string().max(512), useWithExitNode: z.boolean().optional() });
const servers = z.array(server).max(64);
const configuration = z
  .object({
    nameservers: servers.nullish(),
    splitDNS: z.record(z.string().max(256), servers.nullable()).nullish(),
    searchPaths: z.array(z.string().max(256)).max(64).nullish(),
    preferences: z
      .object({ overrideLocalDNS: z.boolean().optional(), magicDNS: z.boolean().optional() })
      .nullish(),
  })
  .meta({ id: 'DnsConfiguration' });

const given = (list: z.output<typeof servers>) =>
  list.map(({ address, useWithExitNode }) => ({ address, useWithExitNode: useWithExitNode ?? false }));
const shown = (list: readonly NameserverJson[]) =>
  list.map(({ address, use_with_exit_node }) => ({ address, useWithExitNode: use_with_exit_node }));

function configurationOf(dns: DnsJson): z.input<typeof configuration> {
  return {
    nameservers: shown(dns.nameservers),
    splitDNS: Object.fromEntries(
      Object.entries(dns.split_dns).map(([domain, list]) => [domain, shown(list)]),
    ),
    searchPaths: [...dns.search_domains],
    preferences: { overrideLocalDNS: dns.override_local_dns, magicDNS: dns.magic_dns },
  };
}

async function current(asked: Asked, t: string): Promise<DnsJson> {
  checkTailnet(asked, t);
  return asked.call('dns.get', {});
}

const reading = { method: 'GET', need: 'dns:read', tag: 'DNS', params: inTailnet } as const;
const writing = { need: 'dns', tag: 'DNS', params: inTailnet } as const;
const nameservers = z.object({ dns: z.array(z.string()), magicDNS: z.boolean() });
const preferences = z.object({ magicDNS: z.boolean() });
const searchPaths = z.object({ searchPaths: z.array(z.string().max(256)).max(64) });
const split = z.record(z.string().max(256), addresses.nullable());

export const dnsEndpoints = [
  endpoint({
    ...{ ...reading, path: path('nameservers'), summary: 'Show the nameservers' },
    // Nothing beside it: clients in Go read a map of lists.
    result: nameservers.pick({ dns: true }),
    run: async (asked, { params }) => ({ dns: plain((await current(asked, params.t)).nameservers) }),
  }),
  endpoint({
    ...{ ...writing, method: 'POST', path: path('nameservers'), summary: 'Set the nameservers' },
    body: z.object({ dns: addresses.nullable() }),
    result: nameservers,
    run: async (asked, { params, body }) => {
      checkTailnet(asked, params.t);
      const dns = await asked.call('dns.set', { nameservers: body.dns ?? [] });
      return { dns: plain(dns.nameservers), magicDNS: dns.magic_dns };
    },
  }),
  endpoint({
    ...{ ...reading, path: path('preferences'), summary: 'Show whether MagicDNS is on', result: preferences },
    run: async (asked, { params }) => ({ magicDNS: (await current(asked, params.t)).magic_dns }),
  }),
  endpoint({
    ...{ ...writing, method: 'POST', path: path('preferences'), summary: 'Turn MagicDNS on or off' },
    body: preferences,
    result: preferences,
    run: async (asked, { params, body }) => {
      checkTailnet(asked, params.t);
      return { magicDNS: (await asked.call('dns.set', { magicDns: body.magicDNS })).magic_dns };
    },
  }),
  endpoint({
    ...{ ...reading, path: path('searchpaths'), summary: 'Show the search domains', result: searchPaths },
    run: async (asked, { params }) => ({ searchPaths: (await current(asked, params.t)).search_domains }),
  }),
  endpoint({
    ...{ ...writing, method: 'POST', path: path('searchpaths'), summary: 'Set the search domains' },
    body: z.object({ searchPaths: searchPaths.shape.searchPaths.nullable() }),
    result: searchPaths,
    run: async (asked, { params, body }) => {
      checkTailnet(asked, params.t);
      const dns = await asked.call('dns.set', { searchDomains: body.searchPaths ?? [] });
      return { searchPaths: dns.search_domains };
    },
  }),
  endpoint({
    ...{ ...reading, path: path('split-dns'), summary: 'Show split DNS', result: split },
    run: async (asked, { params }) => splitOf(await current(asked, params.t)),
  }),
  endpoint({
    ...{ ...writing, method: 'PATCH', path: path('split-dns'), summary: 'Change split DNS of some domains' },
    body: split,
    result: split,
    run: async (asked, { params, body }) => {
      checkTailnet(asked, params.t);
      return splitOf(await asked.call('dns.set', { splitDnsPatch: body }));
    },
  }),
  endpoint({
    ...{ ...writing, method: 'PUT', path: path('split-dns'), summary: 'Set split DNS' },
    body: split,
    result: split,
    run: async (asked, { params, body }) => {
      checkTailnet(asked, params.t);
      const splitDns = Object.fromEntries(
        Object.entries(body).filter((one): one is [string, string[]] => (one[1] ?? []).length > 0),
      );
      return splitOf(await asked.call('dns.set', { splitDns }));
    },
  }),
  endpoint({
    ...{ ...reading, path: path('configuration'), summary: 'Show all of DNS', result: configuration },
    run: async (asked, { params }) => configurationOf(await current(asked, params.t)),
  }),
  endpoint({
    ...{ ...writing, method: 'POST', path: path('configuration'), summary: 'Set all of DNS' },
    body: configuration,
    result: configuration,
    run: async (asked, { params, body }) => {
      checkTailnet(asked, params.t);
      const dns = await asked.call('dns.set', {
        nameservers: given(body.nameservers ?? []),
        splitDns: Object.fromEntries(
          Object.entries(body.splitDNS ?? {}).map(([domain, list]) => [domain, given(list ?? [])]),
        ),
        searchDomains: body.searchPaths ?? [],
        magicDns: body.preferences?.magicDNS ?? false,
        overrideLocalDns: body.preferences?.overrideLocalDNS ?? false,
      });
      return configurationOf(dns);
    },
  }),
];
