/** The one thing that every face of the program switches on (desktop.md §3.2): first match wins. */
import { findDevice } from './find.ts';
import type { Device, Snapshot } from './types.ts';

export const UI_STATES = [
  'loading',
  'no-daemon',
  'daemon-stopped',
  'untrusted-daemon',
  'version-mismatch',
  'reconnecting',
  'other-user',
  'expired',
  'waiting-browser',
  'signed-out',
  'waiting-approval',
  'off',
  'connecting',
  'exit-broken',
  'degraded',
  'on-exit',
  'on',
] as const;
export type UiState = (typeof UI_STATES)[number];

/** How long a lost daemon counts as about to come back. */
export const LOST_GRACE_MS = 2_000;

export function deriveUi(snapshot: Snapshot, nowMs: number): UiState {
  const { link } = snapshot;
  switch (link.kind) {
    case 'searching':
      return 'loading';
    case 'absent':
      return link.why === 'not-installed' ? 'no-daemon' : 'daemon-stopped';
    case 'refused':
      return 'untrusted-daemon';
    case 'mismatch':
      return 'version-mismatch';
    case 'lost':
      return nowMs - link.sinceMs < LOST_GRACE_MS ? 'reconnecting' : 'daemon-stopped';
    case 'ready':
      return ofBackend(snapshot, nowMs);
    default:
      return link satisfies never;
  }
}

function ofBackend(snapshot: Snapshot, nowMs: number): UiState {
  switch (snapshot.state) {
    case 'NoState':
      return 'loading';
    case 'InUseOtherUser':
      return 'other-user';
    case 'NeedsLogin':
      if (isExpired(snapshot.self, nowMs)) return 'expired';
      return snapshot.authUrl === '' ? 'signed-out' : 'waiting-browser';
    case 'NeedsMachineAuth':
      return 'waiting-approval';
    case 'Stopped':
      return 'off';
    case 'Starting':
      return 'connecting';
    case 'Running':
      return whileRunning(snapshot);
    default:
      return snapshot.state satisfies never;
  }
}

function whileRunning(snapshot: Snapshot): UiState {
  const exit = exitNodeOf(snapshot);
  if (exit.kind === 'broken') return 'exit-broken';
  if (snapshot.warnings.some((one) => one.impactsConnectivity)) return 'degraded';
  return exit.kind === 'used' ? 'on-exit' : 'on';
}

const isExpired = (self: Device | undefined, nowMs: number): boolean =>
  self !== undefined && (self.isExpired || (self.keyExpiryMs !== undefined && self.keyExpiryMs <= nowMs));

/** What the preferences say of the way to the internet, and whether it works. */
export type ExitNode =
  | { readonly kind: 'none' }
  | { readonly kind: 'used'; readonly device: Device }
  | {
      readonly kind: 'broken';
      readonly device: Device | undefined;
      readonly why: 'offline' | 'expired' | 'gone' | 'unresolved';
    };

/** What stands where an id will be once an automatic choice is made. */
const UNRESOLVED = 'auto:';

export function exitNodeOf({
  settings,
  devices,
  self,
}: Pick<Snapshot, 'settings' | 'devices' | 'self'>): ExitNode {
  if (settings === undefined) return { kind: 'none' };
  const { exitNodeId, exitNodeIp, autoExitNode } = settings;
  if (exitNodeId === '' && exitNodeIp === '' && autoExitNode === '') return { kind: 'none' };
  const isResolved = exitNodeId !== '' && !exitNodeId.startsWith(UNRESOLVED);
  const device = isResolved
    ? findDevice({ devices, self }, exitNodeId)
    : Object.values(devices).find(({ addresses }) => exitNodeIp !== '' && addresses.includes(exitNodeIp));
  if (device === undefined)
    return { kind: 'broken', device: undefined, why: isResolved ? 'gone' : 'unresolved' };
  if (device.isExpired) return { kind: 'broken', device, why: 'expired' };
  if (!device.isExitOption) return { kind: 'broken', device, why: 'gone' };
  return device.isOnline ? { kind: 'used', device } : { kind: 'broken', device, why: 'offline' };
}
