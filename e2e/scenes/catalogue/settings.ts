/** Settings and routes: every group, every question, on every system, managed or not. */
import { NO_SNAPSHOT } from '#shared/ui-state/empty.ts';
import { DAEMON, device, POLICY, READ_ONLY, SELF, snapshot } from '../builders.ts';
import { DOZEN } from '../networks.ts';
import type { Scene } from '../scene.ts';

const on = snapshot({ devices: DOZEN });
const readOnly = snapshot({ devices: DOZEN, link: READ_ONLY, accounts: [] });

const EVERYTHING = [...DAEMON.features, 'ssh', 'web-client', 'auto-update', 'files'] as const;
const full = snapshot({ devices: DOZEN, daemon: { ...DAEMON, features: EVERYTHING } });

export const SETTINGS_SCENES: readonly Scene[] = [
  { name: 'settings', route: '/settings', reads: 'Settings', snapshot: on },
  { name: 'settings-read-only', route: '/settings/connection', reads: /./, snapshot: readOnly },
  ...[
    'general',
    'connection',
    'routing',
    'security',
    'dns',
    'notifications',
    'updates',
    'web',
    'advanced',
    'about',
  ].map(
    (group): Scene => ({
      name: `settings-${group}`,
      route: `/settings/${group}`,
      reads: /./,
      snapshot: full,
      // The others are in one of these pictures, further down.
      isUnpictured: !['connection', 'security', 'notifications', 'about'].includes(group),
    }),
  ),
  {
    name: 'routes',
    route: '/settings/routes',
    reads: '192.168.40.0/24',
    snapshot: snapshot({
      devices: DOZEN,
      settings: { acceptRoutes: true, advertiseRoutes: ['192.168.1.0/24', '10.99.0.0/16'] },
      self: { ...SELF, routes: ['192.168.1.0/24'] },
    }),
  },
  {
    name: 'routes-failover',
    route: '/settings/routes',
    reads: 'If it goes away, spare takes over.',
    snapshot: snapshot({
      devices: [
        device({ name: 'office', routes: ['10.20.0.0/16'], primaryRoutes: ['10.20.0.0/16'] }),
        device({ name: 'spare', routes: ['10.20.0.0/16'] }),
        device({ name: 'neighbour', routes: ['192.168.0.0/16'] }),
      ],
      settings: { acceptRoutes: true, advertiseRoutes: ['100.64.0.0/16'] },
    }),
  },
  {
    name: 'routes-not-accepted',
    route: '/settings/routes',
    reads: '10.20.0.0/16',
    snapshot: snapshot({ devices: DOZEN, settings: { acceptRoutes: false } }),
  },
  {
    name: 'routes-none',
    route: '/settings/routes',
    reads: /./,
    snapshot: snapshot({ devices: [device({ name: 'atlas' })] }),
  },
  {
    name: 'routes-bad-entry',
    route: '/settings/routes',
    reads: /network’s own|overlap|range/,
    snapshot: snapshot({ devices: DOZEN }),
    steps: async (page) => {
      await page.getByPlaceholder('192.168.1.0/24').fill('100.64.0.0/10');
      await page.keyboard.press('Enter');
    },
  },
  {
    name: 'routes-not-forwarded',
    route: '/settings/routes',
    reads: /net\.ipv4\.ip_forward/,
    snapshot: snapshot({ devices: DOZEN, settings: { advertiseRoutes: ['192.168.1.0/24'] } }),
    answers: {
      'routes.check': {
        gives: { forwarding: 'IP forwarding is off: sysctl net.ipv4.ip_forward is 0.', udpGro: '' },
      },
    },
  },
  {
    name: 'routes-removed',
    route: '/settings/routes',
    reads: 'Undo',
    snapshot: snapshot({ devices: DOZEN, settings: { advertiseRoutes: ['192.168.1.0/24'] } }),
    steps: async (page) =>
      page
        .getByRole('button', { name: /^Stop|^Remove/ })
        .first()
        .click(),
  },
  {
    name: 'routes-read-only',
    route: '/settings/routes',
    reads: '10.20.0.0/16',
    snapshot: readOnly,
    isUnpictured: true,
  },
  {
    name: 'routes-managed',
    route: '/settings/routes',
    reads: '10.20.0.0/16',
    snapshot: snapshot({ devices: DOZEN, policy: POLICY }),
  },
  {
    name: 'settings-managed',
    route: '/settings/connection',
    reads: 'Settings',
    snapshot: { ...full, policy: POLICY },
  },
  {
    name: 'settings-search',
    route: '/settings?q=dns',
    reads: 'DNS',
    snapshot: full,
  },
  { name: 'settings-no-match', route: '/settings?q=zzz', reads: /zzz/, snapshot: full, isUnpictured: true },
  {
    name: 'settings-no-service',
    route: '/settings',
    reads: 'Settings',
    snapshot: { ...NO_SNAPSHOT, link: { kind: 'absent', why: 'stopped' } },
  },
  {
    name: 'settings-in-the-browser',
    route: '/settings',
    host: 'web',
    reads: 'Settings',
    snapshot: full,
    isUnpictured: true,
  },
  ...(['darwin', 'win32'] as const).map(
    (platform): Scene => ({
      name: `settings-${platform}`,
      platform,
      route: '/settings/connection',
      reads: 'Settings',
      snapshot: { ...full, daemon: { ...full.daemon, platform } },
      isUnpictured: true,
    }),
  ),
  {
    name: 'settings-block-incoming',
    route: '/settings/security',
    reads: 'Block incoming connections?',
    snapshot: full,
    isLayer: true,
    steps: async (page) => page.getByRole('switch', { name: 'Allow incoming connections' }).press('Space'),
  },
  {
    name: 'settings-ssh-server',
    route: '/settings/security',
    reads: 'Switch on the SSH server?',
    snapshot: full,
    isLayer: true,
    steps: async (page) => page.getByRole('switch', { name: 'SSH server' }).press('Space'),
    isUnpictured: true,
  },
  {
    name: 'settings-reset',
    route: '/settings/advanced',
    reads: /reset/i,
    snapshot: full,
    isLayer: true,
    steps: async (page) =>
      page
        .getByRole('button', { name: /^Reset/ })
        .first()
        .click(),
  },
  {
    name: 'settings-bad-name',
    route: '/settings/connection',
    reads: /Letters, digits and dashes only/,
    snapshot: full,
    steps: async (page) => page.getByLabel('Name of this device').fill('not a name!'),
    isUnpictured: true,
  },
  {
    name: 'settings-choice',
    route: '/settings',
    reads: 'Deutsch',
    snapshot: full,
    steps: async (page) => page.getByRole('button', { name: /Language/ }).click(),
  },
  {
    name: 'settings-update-found',
    route: '/settings/updates',
    reads: /0\.2\.0/,
    snapshot: snapshot({ devices: DOZEN, newVersion: { version: '0.2.0', isUrgent: false } }),
    answers: { 'update.check': { gives: { version: '0.2.0', isNewer: true } } },
    steps: async (page) => page.getByRole('button', { name: 'Check now' }).click(),
  },
  {
    name: 'settings-not-saved',
    route: '/settings/routing',
    reads: /took too long/,
    snapshot: full,
    answers: { 'prefs.edit': { fails: 'timeout', message: 'prefs.edit took longer than 30 s' } },
    steps: async (page) =>
      page
        .getByRole('switch', { name: /networks/ })
        .first()
        .press('Space'),
    isUnpictured: true,
  },
];
