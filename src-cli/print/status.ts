/** Text of `rhumb status` (localapi-and-daemon.md §4.5). */
import { compare } from '#shared/bytes/bytes.ts';
import { parseIp, to16 } from '#shared/ip/address.ts';
import type { PeerStatus, Status } from '#shared/localapi/status.ts';
import { formatDuration } from './duration.ts';
import { displayName, lastSeen, ownerLogin } from './names.ts';
import { cell, elastic } from './table.ts';

export interface StatusView {
  readonly self: boolean;
  readonly peers: boolean;
  /** Only peers with traffic. */
  readonly active: boolean;
  readonly header: boolean;
}

/** Location-based exit nodes are many; those not in use are left out. */
const LOCATION_BASED = 'mullvad.ts.net.';

/** Why there is no table to show, or undefined when there is: the machine is up or coming up. */
export function notRunning(status: Status): string | undefined {
  switch (status.BackendState) {
    case 'Running':
    case 'Starting':
      return undefined;
    case 'Stopped':
      return 'Rhumb is stopped.';
    case 'NeedsLogin':
      return status.AuthURL === '' ? 'Logged out.' : `Logged out.\nLog in at: ${status.AuthURL}`;
    case 'NeedsMachineAuth':
      return 'Machine is not yet approved by tailnet admin.';
    default:
      return `unexpected state: ${status.BackendState}`;
  }
}

export function renderHealth(health: readonly string[]): string {
  return ['# Health check:', ...health.map((text) => `#     - ${text}`), ''].join('\n');
}

/** What is printed instead of the table; health comes first while there is no state yet. */
export function renderNotRunning(status: Status, why: string): string {
  const health = status.Health ?? [];
  const head = health.length > 0 && status.BackendState === 'NoState' ? `${renderHealth(health)}\n` : '';
  return `${head}${why}\n`;
}

export function renderStatus(status: Status, view: StatusView, now: number): string {
  const header = view.header ? 'IP\tHostname\tOwner\tOS\tStatus\t\n--\t--------\t-----\t--\t------\t\n' : '';
  const all = view.peers ? visiblePeers(status) : { peers: [], hidden: false };
  const shown = all.peers.filter((peer) => !view.active || peer.Active);
  const rows = [...(view.self ? [status.Self] : []), ...shown].map((peer) => row(status, peer, now));
  const table = elastic(header + rows.join(''), { minWidth: 0, padding: 2 });
  const hint = all.hidden
    ? '\n# To see the full list of exit nodes, including location-based exit nodes, run `rhumb exit-node list`  \n'
    : '';
  const health = status.Health ?? [];
  return `${table}${hint}${health.length > 0 ? `\n${renderHealth(health)}` : ''}`;
}

function visiblePeers(status: Status): { peers: readonly PeerStatus[]; hidden: boolean } {
  const known = Object.values(status.Peer ?? {}).filter((peer) => !peer.ShareeNode);
  const isHidden = (peer: PeerStatus): boolean =>
    peer.ExitNodeOption && !peer.ExitNode && peer.DNSName.endsWith(LOCATION_BASED);
  const peers = known.filter((peer) => !isHidden(peer)).sort(comparePeers);
  return { peers, hidden: peers.length < known.length };
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** IPv4 before IPv6, then by value; addresses that do not parse are equal. */
function compareAddrs(a: string | undefined, b: string | undefined): number {
  const left = a === undefined ? undefined : parseIp(a);
  const right = b === undefined ? undefined : parseIp(b);
  if (left === undefined || right === undefined) return 0;
  return left.length - right.length || compare(to16(left), to16(right));
}

/** By DNS name, host name, first address, key. */
export const comparePeers = (a: PeerStatus, b: PeerStatus): number =>
  compareText(a.DNSName, b.DNSName) ||
  compareText(a.HostName, b.HostName) ||
  compareAddrs(a.TailscaleIPs?.[0], b.TailscaleIPs?.[0]) ||
  compareText(a.PublicKey ?? '', b.PublicKey ?? '');

function row(status: Status, peer: PeerStatus, now: number): string {
  const cells = [
    peer.TailscaleIPs?.[0] ?? '',
    displayName(status, peer),
    ownerLogin(status, peer),
    peer.OS,
    activity(peer, now),
  ];
  return `${cells.map((text) => `${cell(text)}\t`).join('')}\n`;
}

const isSome = (count: number | bigint): boolean => String(count) !== '0';

/** The last column of a peer. */
export function activity(peer: PeerStatus, now: number): string {
  const hasTraffic = isSome(peer.TxBytes) || isSome(peer.RxBytes);
  const traffic = hasTraffic ? `, tx ${peer.TxBytes} rx ${peer.RxBytes}` : '';
  return `${peer.Active ? active(peer, now) : inactive(peer, hasTraffic, now)}${traffic}${pathStory(peer, now)}`;
}

const offline = (peer: PeerStatus, now: number): string =>
  peer.Online ? '' : `; offline${lastSeen(peer.LastSeen, now)}`;

function active(peer: PeerStatus, now: number): string {
  const exit = peer.ExitNode ? 'exit node; ' : peer.ExitNodeOption ? 'offers exit node; ' : '';
  return `active; ${exit}${via(peer)}${offline(peer, now)}`;
}

function via(peer: PeerStatus): string {
  if (peer.CurAddr !== '') return `direct ${peer.CurAddr}`;
  if (peer.PeerRelay !== '') return `peer-relay ${peer.PeerRelay}`;
  return peer.Relay === '' ? '' : `relay ${JSON.stringify(peer.Relay)}`;
}

/** The age of the path and why it is no direct one; only rhumbd tells. */
function pathStory({ RhumbPath: path, Active }: PeerStatus, now: number): string {
  if (path === undefined || !Active) return '';
  const age =
    path.Since === undefined
      ? ''
      : `, for ${formatDuration(Math.max(0, Math.floor((now - path.Since) / 1_000)) * 1_000)}`;
  return `${age}${path.Why === '' ? '' : `: ${path.Why}`}`;
}

function inactive(peer: PeerStatus, hasTraffic: boolean, now: number): string {
  if (peer.ExitNode) return `idle; exit node${offline(peer, now)}`;
  if (peer.ExitNodeOption) return `idle; offers exit node${offline(peer, now)}`;
  if (hasTraffic) return `idle${offline(peer, now)}`;
  return peer.Online ? '-' : `offline${lastSeen(peer.LastSeen, now)}`;
}
