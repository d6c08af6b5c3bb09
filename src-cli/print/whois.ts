/** Text of `rhumb whois` (localapi-and-daemon.md §4.6). */
import type { WhoIsResponse } from '#shared/localapi/misc.ts';
import { goJson } from './go-json.ts';
import { elastic } from './table.ts';

const listed = (items: readonly string[]): string => `[${items.join(' ')}]`;

/** A machine's own addresses come first in its AllowedIPs: one of each family. */
const OWN_ADDRESSES = 2;

export function renderWhoIs({ Node, UserProfile, CapMap }: WhoIsResponse): string {
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
    '',
  ];
  return elastic(rows.join('\n'), { minWidth: 10, padding: 5 }) + renderCapabilities(CapMap ?? {});
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
