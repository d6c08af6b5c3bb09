/** What the screens say of a machine, worked out from its record: state, owner, addresses, what to search in. */
import type { Node } from '#shared/console/shapes.ts';
import type { Tone } from '../../../ui/badge.tsx';
import { t } from '../../../ui/text.ts';
import { formatRelative } from '../../../ui/time.tsx';

export interface MachineState {
  readonly id: 'online' | 'offline' | 'expired' | 'waiting' | 'disabled';
  readonly tone: Tone;
  readonly text: string;
}

export function stateOf(node: Node, nowMs: number): MachineState {
  if (!node.approved) return { id: 'waiting', tone: 'warn', text: t('Needs approval') };
  if (node.disabled) return { id: 'disabled', tone: 'quiet', text: t('Disabled') };
  if (node.expired) return { id: 'expired', tone: 'bad', text: t('Key expired') };
  if (node.online) return { id: 'online', tone: 'good', text: t('Online') };
  const seen = node.last_seen === null ? Number.NaN : Date.parse(node.last_seen);
  const text = Number.isNaN(seen) ? t('Never seen') : t('Seen {when}', { when: formatRelative(seen, nowMs) });
  return { id: 'offline', tone: 'quiet', text };
}

export const isTagged = (node: Node): boolean => node.tags.length > 0;

/** Tags, or the person. */
export const ownerText = (node: Node): string =>
  isTagged(node) ? node.tags.join(', ') : (node.user?.name ?? '');

export const ipv4Of = (node: Node): string => node.ip_addresses.find((one) => !one.includes(':')) ?? '';

const EXIT = ['0.0.0.0/0', '::/0'];
const isExitRoute = (prefix: string): boolean => EXIT.includes(prefix);

export interface RouteView {
  readonly prefix: string;
  readonly isAnnounced: boolean;
  readonly isApproved: boolean;
  /** Traffic for it goes through this machine. */
  readonly isPrimary: boolean;
}

export function routesOf(node: Node): readonly RouteView[] {
  const all = [...new Set([...node.available_routes, ...node.approved_routes])].sort();
  return all.map((prefix) => ({
    prefix,
    isAnnounced: node.available_routes.includes(prefix),
    isApproved: node.approved_routes.includes(prefix),
    isPrimary: node.subnet_routes.includes(prefix),
  }));
}

export const offersExit = (node: Node): boolean => node.available_routes.some(isExitRoute);
export const isExit = (node: Node): boolean => node.approved_routes.some(isExitRoute);
export const offersSubnets = (node: Node): boolean =>
  node.available_routes.some((prefix) => !isExitRoute(prefix));
/** Announced, and nobody has said yes yet. */
export const routesWaiting = (node: Node): number =>
  node.available_routes.filter((prefix) => !node.approved_routes.includes(prefix)).length;

const DAY = 86_400_000;
export const expiresSoon = (node: Node, nowMs: number): boolean =>
  !node.key_expiry_disabled &&
  !node.expired &&
  node.expiry !== null &&
  Date.parse(node.expiry) - nowMs < 14 * DAY;

/** Client versions end in a commit that nobody reads. */
export const shortVersion = (version: string): string => version.split('-', 1)[0] ?? '';

export const OS_NAMES: Readonly<Record<string, string>> = {
  linux: 'Linux',
  windows: 'Windows',
  macOS: 'macOS',
  darwin: 'macOS',
  iOS: 'iOS',
  tvOS: 'tvOS',
  android: 'Android',
  freebsd: 'FreeBSD',
  openbsd: 'OpenBSD',
};
export const osName = (os: string): string => OS_NAMES[os] ?? (os || t('unknown'));

/** Milliseconds to each region's relay, the better of both address families; the nearest first. */
export function latenciesOf(node: Node): readonly (readonly [string, number])[] {
  const found = new Map<string, number>();
  for (const [name, seconds] of Object.entries(node.latency)) {
    const region = name.replace(/-v[46]$/, '');
    found.set(region, Math.min(found.get(region) ?? Number.POSITIVE_INFINITY, seconds * 1_000));
  }
  return [...found].sort(([, a], [, b]) => a - b);
}
