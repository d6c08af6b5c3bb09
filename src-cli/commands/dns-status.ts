/** `rhumb dns status`: how names are resolved, by the network's settings and by the system (localapi-and-daemon.md §4.10). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { type DnsConfig, dnsConfig } from '#shared/wire/map.ts';
import { type DnsReport, type ResolverInfo, renderDnsStatus } from '../print/dns-status.ts';
import { goJson } from '../print/go-json.ts';
import type { Context } from './context.ts';
import type { Action } from './spec.ts';

/** `rhumb dns status`. */
export const dnsStatus: Action = async (context, { flags }) => {
  const report = await gather(context);
  context.out(flags.bool('json') ? `${goJson(report, '  ')}\n` : renderDnsStatus(report, flags.bool('all')));
  return 0;
};

async function gather(context: Context): Promise<DnsReport> {
  const { api, signal } = context;
  const status = await api.status({ peers: true }, signal);
  const prefs = await api.prefs(signal);
  const tailnet = status.CurrentTailnet;
  if (tailnet === undefined) return { TailscaleDNS: prefs.CorpDNS };
  return {
    TailscaleDNS: prefs.CorpDNS,
    CurrentTailnet: {
      MagicDNSEnabled: tailnet.MagicDNSEnabled,
      ...(tailnet.MagicDNSSuffix !== '' && { MagicDNSSuffix: tailnet.MagicDNSSuffix }),
      ...(status.Self.DNSName !== '' && { SelfDNSName: status.Self.DNSName }),
    },
    ...networkDns(await networkConfig(context)),
    ...(await systemDns(context)),
  };
}

const withNameservers = z.intersection(
  dnsConfig,
  z.looseObject({ Nameservers: z.array(z.string()).nullish() }),
);

async function networkConfig({ api, signal }: Context): Promise<z.infer<typeof withNameservers>> {
  const json = await api.get('dns-config', signal).catch((error: unknown) => {
    if (!(error instanceof RhumbError)) throw error;
    throw new RhumbError(error.code, `failed to fetch DNS config: ${error.message}`, { cause: error });
  });
  const parsed = withNameservers.safeParse(json ?? {});
  if (parsed.success) return parsed.data;
  throw new RhumbError('protocol', "dns-config: the daemon's reply is malformed", { cause: parsed.error });
}

type Resolver = NonNullable<DnsConfig['Resolvers']>[number];

const info = ({ Addr, BootstrapResolution }: Resolver): ResolverInfo => ({
  Addr: Addr ?? '',
  ...(BootstrapResolution && BootstrapResolution.length > 0 && { BootstrapResolution }),
});

/** Absent in the output is what the network does not say; only the routes are always there. */
const some = <T>(items: readonly T[] | null | undefined): readonly T[] | undefined =>
  items === null || items === undefined || items.length === 0 ? undefined : items;

function networkDns(config: z.infer<typeof withNameservers>): Partial<DnsReport> {
  const routes = Object.entries(config.Routes ?? {})
    .filter(([, resolvers]) => resolvers !== null && resolvers.length > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    Resolvers: some(config.Resolvers)?.map(info),
    SplitDNSRoutes: Object.fromEntries(routes.map(([suffix, to]) => [suffix, (to ?? []).map(info)])),
    FallbackResolvers: some(config.FallbackResolvers)?.map(info),
    SearchDomains: some(config.Domains)?.toSorted(),
    Nameservers: some(config.Nameservers),
    CertDomains: some(config.CertDomains),
    ExtraRecords: some(config.ExtraRecords)?.map(({ Name, Type, Value }) => ({
      Name,
      ...(Type !== undefined && Type !== '' && { Type }),
      Value,
    })),
    ExitNodeFilteredSet: some(config.ExitNodeFilteredSet),
  };
}

const osConfig = z.looseObject({
  Nameservers: z.array(z.string()).nullish(),
  SearchDomains: z.array(z.string()).nullish(),
  MatchDomains: z.array(z.string()).nullish(),
});

async function systemDns({ api, signal }: Context): Promise<Partial<DnsReport>> {
  try {
    const { Nameservers, SearchDomains, MatchDomains } = osConfig.parse(
      await api.get('dns-osconfig', signal),
    );
    return {
      SystemDNS: {
        Nameservers: Nameservers ?? undefined,
        SearchDomains: SearchDomains ?? undefined,
        MatchDomains: MatchDomains ?? undefined,
      },
    };
  } catch (error) {
    signal.throwIfAborted();
    const text = error instanceof RhumbError ? error.message : "the daemon's reply is malformed";
    return { SystemDNSError: text.includes('not supported') ? 'not supported on this platform' : text };
  }
}
