/** What is said of a device in words: whether it is there, how packets get there, whose it is. */
import type { Device, Snapshot, User } from '#shared/ui-state/types.ts';
import type { Tone } from '../../ui/badge.tsx';
import { formatMs, formatShortSpan } from '../i18n/format.ts';
import { type Key, t } from '../i18n/text.ts';
import { cut } from './foreign.tsx';

export const ipv4Of = ({ addresses }: Device): string => addresses.find((one) => !one.includes(':')) ?? '';
export const ipv6Of = ({ addresses }: Device): string => addresses.find((one) => one.includes(':')) ?? '';
export const addressOf = (device: Device): string => device.addresses[0] ?? '';

const SYSTEMS: Readonly<Record<string, string>> = {
  linux: 'Linux',
  windows: 'Windows',
  macos: 'macOS',
  darwin: 'macOS',
  ios: 'iOS',
  tvos: 'tvOS',
  android: 'Android',
  freebsd: 'FreeBSD',
  openbsd: 'OpenBSD',
  js: 'JavaScript',
};

export const systemName = (os: string): string => {
  const id = os.toLowerCase();
  return Object.hasOwn(SYSTEMS, id) ? (SYSTEMS[id] ?? os) : os;
};

/** Tags for what belongs to nobody, else the person; '' when the server does not say. */
export function ownerText(device: Device, users: Snapshot['users']): string {
  if (device.tags.length > 0) return device.tags.join(', ');
  const owner = ownerOf(device, users);
  return owner === undefined ? '' : owner.displayName || owner.loginName;
}

export const ownerOf = ({ userId }: Device, users: Snapshot['users']): User | undefined =>
  Object.hasOwn(users, userId) ? users[userId] : undefined;

export interface Presence {
  readonly tone: Tone;
  readonly text: string;
}

/** `isOn`: this device itself takes part in the network; else nobody knows. */
export function presenceOf(device: Device, nowMs: number, isOn: boolean): Presence {
  if (device.isExpired) return { tone: 'warn', text: t('device.expired') };
  if (!isOn) return { tone: 'quiet', text: t('device.unknown') };
  if (device.isOnline) return { tone: 'good', text: t('device.online') };
  const { lastSeenMs } = device;
  if (lastSeenMs === undefined || lastSeenMs <= 0) return { tone: 'quiet', text: t('device.offline') };
  return { tone: 'quiet', text: t('device.offlineSince', { span: formatShortSpan(nowMs - lastSeenMs) }) };
}

export interface PathWords {
  readonly tone: Tone;
  readonly text: string;
  /** Where: a region's code, or that it is near; '' = nothing to add. */
  readonly note: string;
}

export function pathWords({ path, isOnline }: Device, isOn: boolean): PathWords {
  if (!isOn || !isOnline) return { tone: 'quiet', text: '—', note: '' };
  switch (path.kind) {
    case 'direct':
      return { tone: 'good', text: t('path.direct'), note: directNote(path.via) };
    case 'peer-relay':
      return { tone: 'accent', text: t('path.peerRelay'), note: '' };
    case 'relay':
      return { tone: 'warn', text: t('path.relay'), note: cut(path.via, 24) };
    case 'idle':
      return { tone: 'quiet', text: t('path.idle'), note: '' };
    case 'none':
      return { tone: 'quiet', text: t('path.none'), note: '' };
    default:
      return path.kind satisfies never;
  }
}

// RFC 1918 and 3927; RFC 4193 and 4291 for IPv6: it does not leave the house.
const NEAR = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|\[f[cd]|\[fe[89ab])/i;

function directNote(via: string): string {
  if (NEAR.test(via)) return t('path.near');
  return via.startsWith('[') ? 'IPv6' : '';
}

export const isLocationServer = (device: Device): boolean =>
  device.isExitOption && device.location !== undefined;

const DAY_MS = 86_400_000;
const SOON_MS = 7 * DAY_MS;

export const expiresSoon = ({ keyExpiryMs, isExpired }: Device, nowMs: number): boolean =>
  !isExpired && keyExpiryMs !== undefined && keyExpiryMs > 0 && keyExpiryMs - nowMs < SOON_MS;

/** What sets it apart, in few words each. */
export function marksOf(device: Device, nowMs: number): readonly Key[] {
  return [
    ...(device.isExitOption ? (['device.mark.exit'] as const) : []),
    ...(device.routes.length > 0 ? (['device.mark.router'] as const) : []),
    ...(device.isShared ? (['device.mark.shared'] as const) : []),
    ...(expiresSoon(device, nowMs) ? (['device.mark.expiring'] as const) : []),
  ];
}

/** How long an answer takes, and how old that is; undefined = nobody knows. */
export interface Latency {
  readonly ms: number;
  readonly ageMs: number;
}

/** Beyond it a path in use tells more than what was once measured. */
const FRESH_MS = 60_000;

/** What the daemon sees on the path in use is of now; what was measured on request may be older. */
export function latencyOf(
  { path }: Pick<Device, 'path'>,
  measured: { readonly latencyMs: number | undefined; readonly atMs: number } | undefined,
  nowMs: number,
): Latency | undefined {
  const told = path.latencyMs === undefined ? undefined : { ms: path.latencyMs, ageMs: 0 };
  if (measured?.latencyMs === undefined) return told;
  const ageMs = Math.max(0, nowMs - measured.atMs);
  return told !== undefined && ageMs > FRESH_MS ? told : { ms: measured.latencyMs, ageMs };
}

/** `12 ms`, with its age once that is worth a word. */
export const latencyText = ({ ms, ageMs }: Latency): string =>
  ageMs < FRESH_MS
    ? formatMs(ms)
    : t('device.latencyAged', { time: formatMs(ms), age: formatShortSpan(ageMs) });
