/** Text of `rhumb whois` (localapi-and-daemon.md §4.6). */
import type { WhoIsResponse } from '#shared/localapi/misc.ts';
import type { Status } from '#shared/localapi/status.ts';
import { goJson } from './go-json.ts';
import { elastic } from './table.ts';

const listed = (items: readonly string[]): string => `[${items.join(' ')}]`;

/** A machine's own addresses come first in its AllowedIPs: one of each family. */
const OWN_ADDRESSES = 2;

/** The name that administrators gave the network, where they did. */
const DISPLAY_NAME = 'tailnet-display-name';

export function renderWhoIs(
  { Node, UserProfile, CapMap }: WhoIsResponse,
  tailnet?: Status['CurrentTailnet'],
): string {
  const allowed = Node.AllowedIPs ?? [];
  const tags = Node.Tags ?? [];
  const rows = [
    'Machine:',
    `  Name:\t${Node.Name.replace(/\.$/, '')}`,
    `  ID:\t${Node.StableID}`,
    `  Addresses:\t${listed(Node.Addresses ?? [])}`,
    ...(allowed.length > OWN_ADDRESSES ? [`  AllowedIPs:\t${listed(allowed.slice(OWN_ADDRESSES))}`] : []),
    ...(tags.length > 0
      ? [`  Tags:\t${tags.join(', ')}`]
      : ['User:', `  Name:\t${UserProfile.LoginName}`, `  ID:\t${UserProfile.ID}`]),
    ...(tailnet === undefined
      ? []
      : [
          'Tailnet:',
          `  Name:\t${displayName(Node) ?? tailnet.Name}`,
          `  MagicDNS Suffix:\t${tailnet.MagicDNSSuffix}`,
        ]),
    '',
  ].map(oneLine);
  return elastic(rows.join('\n'), { minWidth: 10, padding: 5 }) + renderCapabilities(CapMap ?? {});
}

/** A line break in a name would begin a row of its own. */
const oneLine = (row: string): string => row.replaceAll(/[\r\n]+/g, ' ');

function displayName({ CapMap }: WhoIsResponse['Node']): string | undefined {
  const [name] = CapMap?.[DISPLAY_NAME] ?? [];
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function renderCapabilities(capMap: Readonly<Record<string, readonly unknown[] | null>>): string {
  const names = Object.keys(capMap).sort();
  if (names.length === 0) return '';
  const lines = names.map((name) => {
    const values = capMap[name] ?? [];
    return values.length === 0
      ? `  - ${name}\n`
      : `  - ${name}:\n      ${goJson(values, '  ', ' '.repeat(6))}\n`;
  });
  return `Capabilities:\n${lines.join('')}`;
}
