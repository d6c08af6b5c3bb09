/** The seventeen states of the program, each as Home shows it (desktop.md §3.2). */
import { NO_DEVICE, NO_SNAPSHOT } from '#shared/ui-state/empty.ts';
import {
  ago,
  DAEMON,
  DAY,
  device,
  MINUTE,
  SECOND,
  SELF,
  SIGNED_OUT,
  snapshot,
  USERS,
  warning,
} from '../builders.ts';
import { DOZEN } from '../networks.ts';
import type { Scene } from '../scene.ts';

const BROKEN_EXIT = device({ name: 'harbour', isExitOption: true, isOnline: false });

export const STATES: readonly Scene[] = [
  { name: 'state-loading', route: '/', reads: 'Starting…', snapshot: NO_SNAPSHOT },
  {
    name: 'state-no-daemon',
    route: '/',
    reads: 'The Rhumb service isn’t installed',
    snapshot: { ...NO_SNAPSHOT, link: { kind: 'absent', why: 'not-installed' } },
  },
  {
    name: 'state-daemon-stopped',
    route: '/',
    reads: 'The Rhumb service isn’t running',
    snapshot: { ...NO_SNAPSHOT, link: { kind: 'absent', why: 'stopped' } },
  },
  {
    name: 'state-untrusted-daemon',
    route: '/',
    reads: /Can’t use the Rhumb service/,
    snapshot: {
      ...NO_SNAPSHOT,
      link: { kind: 'refused', reason: '/run/rhumb/rhumbd.sock is owned by user 1000, expected root' },
    },
  },
  {
    name: 'state-version-mismatch',
    route: '/',
    reads: 'App and service are different versions',
    snapshot: { ...NO_SNAPSHOT, link: { kind: 'mismatch', daemonVersion: '3.0.1' } },
  },
  {
    name: 'state-reconnecting',
    route: '/',
    reads: 'Reconnecting…',
    snapshot: snapshot({ devices: DOZEN, link: { kind: 'lost', sinceMs: ago(SECOND) } }),
  },
  {
    name: 'state-other-user',
    route: '/',
    reads: 'In use by another user of this computer',
    platform: 'win32',
    snapshot: snapshot({
      ...SIGNED_OUT,
      state: 'InUseOtherUser',
      daemon: { ...DAEMON, platform: 'win32' },
    }),
  },
  {
    name: 'state-expired',
    route: '/',
    reads: 'This device’s key has expired',
    snapshot: snapshot({
      state: 'NeedsLogin',
      self: { ...SELF, isExpired: true, isOnline: false, keyExpiryMs: ago(2 * DAY) },
      settings: { loggedOut: false },
    }),
  },
  {
    name: 'state-waiting-browser',
    route: '/',
    reads: 'Finish signing in in your browser',
    snapshot: snapshot({ ...SIGNED_OUT, authUrl: 'https://control.example.com/a/17c3f09b5d21' }),
  },
  {
    name: 'state-signed-out',
    route: '/',
    reads: 'Sign in to join a network',
    snapshot: snapshot(SIGNED_OUT),
  },
  {
    name: 'state-waiting-approval',
    route: '/',
    reads: 'Waiting for an admin to approve this device',
    snapshot: snapshot({ state: 'NeedsMachineAuth', users: USERS }),
  },
  {
    name: 'state-off',
    route: '/',
    reads: 'Off',
    snapshot: snapshot({ state: 'Stopped', devices: DOZEN, settings: { wantRunning: false } }),
  },
  {
    name: 'state-connecting',
    route: '/',
    reads: 'Connecting…',
    snapshot: snapshot({ state: 'Starting', devices: DOZEN }),
  },
  {
    name: 'state-exit-broken',
    route: '/',
    reads: /Internet blocked: exit node .?harbour.? is offline/,
    snapshot: snapshot({ devices: [...DOZEN, BROKEN_EXIT], settings: { exitNodeId: BROKEN_EXIT.id } }),
  },
  {
    name: 'state-degraded',
    route: '/',
    reads: 'Connected, with problems',
    snapshot: snapshot({
      devices: DOZEN,
      warnings: [
        warning('no-derp-home', {
          title: 'No relay reachable',
          text: 'Rhumb could not reach any relay. Devices behind strict NATs can’t be reached.',
          impactsConnectivity: true,
        }),
        warning('not-in-map-poll', {
          title: 'Can’t reach the control server',
          text: 'Changes to the network may be missed until it answers again.',
          brokenSinceMs: ago(9 * MINUTE),
        }),
        warning('tls-connection-failed', {
          title: 'Secure connection to relay.example.com failed',
          text: 'certificate is not yet valid: is the clock of this computer right?',
          action: 'Details',
        }),
      ],
    }),
  },
  {
    name: 'state-on-exit',
    route: '/',
    reads: /Connected through .?harbour/,
    snapshot: snapshot({ devices: DOZEN, settings: { exitNodeId: 'n-harbour' } }),
  },
  { name: 'state-on', route: '/', reads: 'Connected', snapshot: snapshot({ devices: DOZEN }) },
];

/** Home where it is not alike. */
export const HOME: readonly Scene[] = [
  { name: 'home-empty-network', route: '/', reads: 'No other devices yet', snapshot: snapshot() },
  {
    name: 'home-read-only',
    route: '/',
    reads: 'You can look, but changes need permission.',
    snapshot: snapshot({ devices: DOZEN, link: { kind: 'ready', rights: 'readonly' }, accounts: [] }),
  },
  {
    name: 'home-key-expires-soon',
    route: '/',
    reads: /This device’s key expires in/,
    snapshot: snapshot({ devices: DOZEN, self: { ...SELF, keyExpiryMs: ago(-20 * 60 * MINUTE) } }),
  },
  {
    name: 'home-update',
    route: '/',
    reads: /closes a security hole/,
    snapshot: snapshot({ devices: DOZEN, newVersion: { version: '0.2.1', isUrgent: true } }),
  },
  {
    name: 'home-favourites',
    route: '/',
    reads: 'Connected',
    gui: { pinnedDevices: ['n-atlas', 'n-harbour', 'n-kestrel'] },
    snapshot: snapshot({ devices: DOZEN }),
  },
  {
    name: 'home-many-warnings',
    route: '/',
    reads: /Show \d more/,
    snapshot: snapshot({
      devices: DOZEN,
      warnings: ['captive-portal', 'clock-skew', 'dns-config-failed', 'route-conflict', 'unheard-of'].map(
        (code) =>
          warning(code, {
            title: `Something about ${code}`,
            text: `What the daemon says about ${code}, in a whole sentence that goes on for a while so that it wraps.`,
            severity: code === 'clock-skew' ? 'high' : 'low',
          }),
      ),
    }),
  },
  {
    name: 'home-stock-daemon',
    route: '/',
    reads: 'Connected',
    snapshot: snapshot({
      devices: DOZEN,
      daemon: { ...DAEMON, version: '1.96.2', features: ['explain-path', 'logs', 'files', 'ssh'] },
    }),
    isUnpictured: true,
  },
  {
    name: 'home-in-the-browser',
    host: 'web',
    route: '/',
    reads: 'Connected',
    snapshot: snapshot({ devices: DOZEN }),
    isUnpictured: true,
  },
  {
    name: 'home-unknown-self',
    route: '/',
    reads: 'Connected',
    snapshot: snapshot({ devices: [], self: NO_DEVICE, network: undefined }),
    isUnpictured: true,
  },
];
