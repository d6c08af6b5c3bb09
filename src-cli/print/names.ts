/** How peers are named and described in text output: short DNS name, owner, when last seen (localapi-and-daemon.md §4.5). */
import { domainToUnicode } from 'node:url';
import type { PeerStatus, Status } from '#shared/localapi/status.ts';

const MAX_LABEL = 63;

const trimEnd = (text: string, end: string): string =>
  end !== '' && text.endsWith(end) ? text.slice(0, -end.length) : text;

/** A DNS name without the network's suffix and without a trailing dot. */
export function withoutSuffix(name: string, suffix: string): string {
  const bare = trimEnd(name, '.');
  const domain = suffix.replace(/^\.|\.$/g, '');
  return domain !== '' && bare.endsWith(`.${domain}`) ? bare.slice(0, -domain.length - 1) : bare;
}

/** A host name as a DNS label would have it: lower case, separators as hyphens, the rest dropped. */
export function labelOf(hostName: string): string {
  let label = hostName;
  for (const common of ['.local', '.localdomain', '.lan']) label = trimEnd(label, common);
  const inner = label
    .slice(0, MAX_LABEL)
    .replace(/^[^A-Za-z0-9]+/, '')
    .replace(/[^A-Za-z0-9]+$/, '');
  return inner
    .replace(/[ .@_]/g, '-')
    .replace(/[^A-Za-z0-9-]/g, '')
    .toLowerCase();
}

/** The name of a peer in a table: its short DNS name, else its host name in quotes and parentheses. */
export function displayName(status: Status, peer: PeerStatus): string {
  const base = withoutSuffix(peer.DNSName, status.MagicDNSSuffix);
  if (base === '') return `(${JSON.stringify(labelOf(peer.HostName))})`;
  const unicode = base.startsWith('xn-') ? domainToUnicode(base) : '';
  return unicode === '' ? base : `${base} (${unicode})`;
}

/** The login of a peer's owner up to its `@`; the sharer's for a shared machine. */
export function ownerLogin(status: Status, peer: PeerStatus): string {
  const sharer = String(peer.AltSharerUserID);
  const id = sharer === '0' ? String(peer.UserID) : sharer;
  if (id === '0') return '-';
  const login = status.User?.[id]?.LoginName;
  if (login === undefined) return id;
  const at = login.indexOf('@');
  return at < 0 ? login : login.slice(0, at + 1);
}

/** `, last seen 5m ago`; '' when that is not known. */
export function lastSeen(seenAt: number | undefined, now: number): string {
  if (seenAt === undefined) return '';
  const minutes = Math.max(1, Math.floor((now - seenAt) / 60_000));
  if (minutes < 60) return `, last seen ${minutes}m ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `, last seen ${hours}h ago` : `, last seen ${Math.floor(hours / 24)}d ago`;
}
