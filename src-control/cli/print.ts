/** How answers look on a terminal: aligned columns, or the JSON as it is. */
import { RhumbError } from '#shared/errors.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type { NodeCheck } from '../relay/check.ts';
import type { AuthKeyJson, NodeJson, OidcStatusJson, PendingJson, UserJson } from '../server/admin-calls.ts';

export type OutputFormat = 'text' | 'json';

export function parseFormat(value: string): OutputFormat {
  if (value === 'text' || value === 'table') return 'text';
  if (value === 'json') return 'json';
  throw new RhumbError('bad-argument', `unknown output "${value}": use text or json`);
}

/** Host names come from machines: what could steer a terminal is shown as a question mark. */
const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');

/** Columns two spaces apart, no trailing blanks. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map(plain));
  const widths = head.map((_, column) => Math.max(...all.map((row) => [...(row[column] ?? '')].length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length))
      .join('  ')
      .trimEnd();
  return all.map(line).join('\n');
}

const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
/** Local enough for people, sortable for everyone. */
const when = (time: string | null, never: string): string =>
  time === null ? never : time.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');

export const usersTable = (users: readonly UserJson[]): string =>
  table(
    ['ID', 'Name', 'Display name', 'Email', 'Provider', 'Created'],
    users.map((user) => [
      String(user.id),
      user.name,
      user.display_name,
      user.email ?? '-',
      user.provider === '' ? 'local' : `${user.provider}${user.suspended ? ' (suspended)' : ''}`,
      when(user.created_at, ''),
    ]),
  );

export const keysTable = (keys: readonly AuthKeyJson[]): string =>
  table(
    ['ID', 'Key', 'Reusable', 'Ephemeral', 'Used', 'Expiration', 'Created', 'Owner'],
    keys.map((key) => [
      String(key.id),
      key.key,
      yesNo(key.reusable),
      yesNo(key.ephemeral),
      yesNo(key.used),
      when(key.expiration, 'never'),
      when(key.created_at, ''),
      key.user.name,
    ]),
  );

export const nodesTable = (nodes: readonly NodeJson[]): string =>
  table(
    [
      'ID',
      'Hostname',
      'Name',
      'User',
      'IP addresses',
      'Ephemeral',
      'Last seen',
      'Expiration',
      'Connected',
      'Expired',
    ],
    nodes.map((node) => [
      String(node.id),
      node.hostname,
      node.name,
      node.user.name,
      node.ip_addresses.join(', '),
      yesNo(node.ephemeral),
      when(node.last_seen, 'never'),
      when(node.expiry, 'never'),
      node.online ? 'online' : 'offline',
      yesNo(node.expired),
    ]),
  );

export const pendingTable = (machines: readonly PendingJson[]): string =>
  table(
    ['Request', 'Hostname', 'OS', 'Address', 'Key', 'Asked'],
    machines.map((one) => [one.id, one.name, one.os, one.address, one.key, when(one.created_at, '')]),
  );

export const relaysTable = (map: DerpMap): string =>
  table(
    ['Region', 'Code', 'Name', 'Node', 'Host', 'Port', 'STUN', 'Certificate'],
    Object.values(map.Regions ?? {}).flatMap((region) =>
      (region?.Nodes ?? []).map((node) => [
        String(region?.RegionID),
        region?.RegionCode ?? '',
        region?.RegionName ?? '',
        node.Name,
        node.HostName,
        node.STUNOnly === true ? 'none' : String(node.DERPPort ?? 443),
        node.STUNPort === -1 ? 'none' : String(node.STUNPort ?? 3_478),
        (node.CertName ?? 'of an authority').replace(/^(sha256-raw:.{12}).*/, '$1…'),
      ]),
    ),
  );

export const oidcTable = (status: OidcStatusJson): string =>
  [
    table(
      ['ID', 'Name', 'Issuer', 'State'],
      status.providers.map((one) => [
        one.id,
        one.name,
        one.issuer,
        one.problem === null ? (one.ready ? 'ready' : 'not found yet') : `away: ${one.problem}`,
      ]),
    ),
    ...(status.providers.length === 0 ? ['no identity provider is configured (oidc)'] : []),
    ...(status.redirect_uri === '' ? [] : [`redirect address: ${status.redirect_uri}`]),
    ...Object.entries(status.counts).map(([what, count]) => `${what}: ${count}`),
  ].join('\n');

const took = (part: NodeCheck['relay']): string =>
  part.kind === 'ok' ? `${part.ms.toFixed(1)} ms` : part.kind === 'off' ? 'none' : `failed: ${part.why}`;

export const relayChecksTable = (checks: readonly NodeCheck[]): string =>
  table(
    ['Region', 'Node', 'Host', 'Relay', 'STUN'],
    checks.map((one) => [String(one.region), one.node, one.host, took(one.relay), took(one.stun)]),
  );
