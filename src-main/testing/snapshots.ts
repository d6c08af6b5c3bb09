/** States of a daemon for tests, each in one call. */
import type { UiState } from '#shared/ui-state/derive.ts';
import { NO_DEVICE, NO_SETTINGS, NO_SNAPSHOT } from '#shared/ui-state/empty.ts';
import type { Device, Link, Snapshot } from '#shared/ui-state/types.ts';

export const device = (id: string, change: Partial<Device> = {}): Device => ({
  ...NO_DEVICE,
  id,
  name: id,
  dnsName: `${id}.net.example`,
  addresses: ['100.64.0.9'],
  isOnline: true,
  isMine: true,
  ...change,
});

export const devices = (...all: readonly Device[]): Record<string, Device> =>
  Object.fromEntries(all.map((one) => [one.id, one]));

const READY: Link = { kind: 'ready', rights: 'manage' };

export const running = (change: Partial<Snapshot> = {}): Snapshot => ({
  ...NO_SNAPSHOT,
  link: READY,
  state: 'Running',
  self: device('me', { addresses: ['100.64.0.1'] }),
  network: { name: 'net.example', suffix: 'net.example', hasMagicDns: true },
  settings: { ...NO_SETTINGS, wantRunning: true },
  accounts: [
    {
      id: 'a',
      name: 'ann',
      loginName: 'ann@net.example',
      network: 'net.example',
      server: '',
      isCurrent: true,
    },
    {
      id: 'b',
      name: 'bob',
      loginName: 'bob@other.example',
      network: 'other.example',
      server: '',
      isCurrent: false,
    },
  ],
  ...change,
});

const EXIT = device('exit', { isExitOption: true, name: 'Frankfurt' });
const withExit = (isOnline: boolean): Partial<Snapshot> => ({
  settings: { ...NO_SETTINGS, wantRunning: true, exitNodeId: 'exit' },
  devices: devices({ ...EXIT, isOnline }),
});

/** One of each state; a state that can't be reached fails to compile. */
export const SNAPSHOTS: Readonly<Record<UiState, Snapshot>> = {
  loading: NO_SNAPSHOT,
  'no-daemon': { ...NO_SNAPSHOT, link: { kind: 'absent', why: 'not-installed' } },
  'daemon-stopped': { ...NO_SNAPSHOT, link: { kind: 'absent', why: 'stopped' } },
  'untrusted-daemon': { ...NO_SNAPSHOT, link: { kind: 'refused', reason: 'it belongs to user 1000' } },
  'version-mismatch': { ...NO_SNAPSHOT, link: { kind: 'mismatch', daemonVersion: '9.0.0' } },
  reconnecting: running({ link: { kind: 'lost', sinceMs: Number.MAX_SAFE_INTEGER } }),
  'other-user': running({ state: 'InUseOtherUser' }),
  expired: running({ state: 'NeedsLogin', self: device('me', { isExpired: true }) }),
  'waiting-browser': running({ state: 'NeedsLogin', authUrl: 'https://net.example/a/1' }),
  'signed-out': running({ state: 'NeedsLogin', self: undefined }),
  'waiting-approval': running({ state: 'NeedsMachineAuth' }),
  off: running({ state: 'Stopped' }),
  connecting: running({ state: 'Starting' }),
  'exit-broken': running(withExit(false)),
  degraded: running({
    warnings: [
      {
        code: 'no-derp-home',
        severity: 'medium',
        title: 'No relay',
        text: 'No relay can be reached',
        brokenSinceMs: undefined,
        impactsConnectivity: true,
        dependsOn: [],
        action: undefined,
        etag: '1',
      },
    ],
  }),
  'on-exit': running(withExit(true)),
  on: running({ devices: devices(device('nas'), { ...EXIT }) }),
};
