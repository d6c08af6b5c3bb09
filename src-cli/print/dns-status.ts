/** Text of `rhumb dns status` (localapi-and-daemon.md §4.10). */

export interface ResolverInfo {
  readonly Addr: string;
  readonly BootstrapResolution?: readonly string[];
}

/** What `--json` prints, under the names that other tools read. */
export interface DnsReport {
  readonly TailscaleDNS: boolean;
  readonly CurrentTailnet?: {
    readonly MagicDNSEnabled: boolean;
    readonly MagicDNSSuffix?: string;
    readonly SelfDNSName?: string;
  };
  readonly Resolvers?: readonly ResolverInfo[] | undefined;
  readonly SplitDNSRoutes?: Readonly<Record<string, readonly ResolverInfo[]>>;
  readonly FallbackResolvers?: readonly ResolverInfo[] | undefined;
  readonly SearchDomains?: readonly string[] | undefined;
  readonly Nameservers?: readonly string[] | undefined;
  readonly CertDomains?: readonly string[] | undefined;
  readonly ExtraRecords?:
    | readonly { readonly Name: string; readonly Type?: string; readonly Value: string }[]
    | undefined;
  readonly ExitNodeFilteredSet?: readonly string[] | undefined;
  readonly SystemDNS?: {
    readonly Nameservers?: readonly string[] | undefined;
    readonly SearchDomains?: readonly string[] | undefined;
    readonly MatchDomains?: readonly string[] | undefined;
  };
  readonly SystemDNSError?: string;
}

export const resolverText = ({ Addr, BootstrapResolution }: ResolverInfo): string =>
  BootstrapResolution === undefined ? Addr : `${Addr} (bootstrap: [${BootstrapResolution.join(' ')}])`;

const title = (text: string): string => `=== ${text} ===\n\n`;

/** A heading, its items, or what it means that there are none. */
function list(heading: string, items: readonly string[], none: string): string {
  const lines = items.length === 0 ? [`  (${none})`] : items;
  return `${heading}\n${lines.map((line) => `${line}\n`).join('')}\n`;
}
const dashed = (items: readonly string[] | undefined): readonly string[] =>
  (items ?? []).map((item) => `  - ${item}`);

export function renderDnsStatus(report: DnsReport, all: boolean): string {
  const head = `\n${title("'Use Tailscale DNS' status")}${own(report)}\n${title('MagicDNS configuration')}`;
  const source = 'This is the DNS configuration provided by the coordination server to this device.\n\n';
  if (report.CurrentTailnet === undefined)
    return `${head}${source}No tailnet information available; make sure you're logged in to a tailnet.\n`;
  return `${head}${source}${network(report, report.CurrentTailnet, all)}${title('System DNS configuration')}${system(report, all)}\n`;
}

const own = ({ TailscaleDNS }: DnsReport): string =>
  TailscaleDNS
    ? 'Tailscale DNS: enabled.\n\nRhumb answers the DNS queries of this device.\n' +
      "Run 'rhumb set --accept-dns=false' to go back to the resolver of your system.\n"
    : "Tailscale DNS: disabled.\n\n(Run 'rhumb set --accept-dns=true' to let Rhumb answer DNS queries)\n";

function network(report: DnsReport, tailnet: NonNullable<DnsReport['CurrentTailnet']>, all: boolean): string {
  const magic = tailnet.MagicDNSEnabled
    ? `MagicDNS: enabled tailnet-wide (suffix = ${tailnet.MagicDNSSuffix ?? ''})\n\n` +
      `Other devices in your tailnet can reach this device at ${tailnet.SelfDNSName ?? ''}\n`
    : 'MagicDNS: disabled tailnet-wide.\n';
  const routes = Object.entries(report.SplitDNSRoutes ?? {}).flatMap(([suffix, to]) =>
    to.map((resolver) => `  - ${suffix.padEnd(30)} -> ${resolverText(resolver)}`),
  );
  const fallback = (report.FallbackResolvers ?? []).map(
    (resolver, at) => `  ${at}: ${resolverText(resolver)}`,
  );
  return [
    `${magic}\n`,
    list(
      'Resolvers (in preference order):',
      dashed(report.Resolvers?.map(resolverText)),
      "no resolvers configured, system default will be used: see 'System DNS configuration' below",
    ),
    list('Split DNS Routes:', routes, 'no routes configured: split DNS disabled'),
    all ? list('Fallback Resolvers:', fallback, 'no fallback resolvers configured') : '',
    list('Search Domains:', dashed(report.SearchDomains), 'no search domains configured'),
    all ? rare(report) : '',
  ].join('');
}

function rare(report: DnsReport): string {
  const records = (report.ExtraRecords ?? []).map(
    ({ Name, Type, Value }) => `  - ${Type === undefined ? '' : `[${Type}] `}${Name.padEnd(50)} -> ${Value}`,
  );
  return [
    list('Nameservers IP Addresses:', dashed(report.Nameservers), 'none were provided'),
    list('Certificate Domains:', dashed(report.CertDomains), 'no certificate domains are configured'),
    list('Additional DNS Records:', records, 'no extra records are configured'),
    list(
      'Filtered suffixes when forwarding DNS queries as an exit node:',
      dashed(report.ExitNodeFilteredSet),
      'no suffixes are filtered',
    ),
  ].join('');
}

function system({ SystemDNS, SystemDNSError }: DnsReport, all: boolean): string {
  const head =
    'This is the DNS configuration that Rhumb believes your operating system is using.\n' +
    'It may be used where the coordination server provides no resolvers, or does not override yours.\n\n';
  if (SystemDNSError !== undefined)
    return SystemDNSError.includes('not supported')
      ? `${head}  (reading the system DNS configuration is not supported on this platform)\n`
      : `${head}  (failed to read system DNS configuration: ${SystemDNSError})\n`;
  if (SystemDNS === undefined) return `${head}  (no OS DNS configuration available)\n`;
  const sections = [
    list(
      'Nameservers:',
      dashed(SystemDNS.Nameservers),
      'no nameservers found, DNS queries might fail\nunless the coordination server is providing a nameserver',
    ),
    list('Search domains:', dashed(SystemDNS.SearchDomains), 'no search domains found'),
    ...(all ? [list('Match domains:', dashed(SystemDNS.MatchDomains), 'no match domains found')] : []),
  ];
  return `${head}${sections.join('').replace(/\n$/, '')}`;
}
