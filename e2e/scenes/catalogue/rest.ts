/** Routes, settings, names, diagnostics, and what lies over every screen. */

import { BLOCKED_NETCHECK, LOG } from '../answers.ts';
import { DAEMON, device, READ_ONLY, SELF, snapshot, warning } from '../builders.ts';
import { DOZEN } from '../networks.ts';
import type { Scene } from '../scene.ts';

const on = snapshot({ devices: DOZEN });
const readOnly = snapshot({ devices: DOZEN, link: READ_ONLY, accounts: [] });

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
    (group): Scene => ({ name: `settings-${group}`, route: `/settings/${group}`, reads: /./, snapshot: on }),
  ),
  {
    name: 'routes',
    route: '/settings/routing',
    reads: '192.168.40.0/24',
    snapshot: snapshot({
      devices: DOZEN,
      settings: { acceptRoutes: true, advertiseRoutes: ['192.168.1.0/24', '10.99.0.0/16'] },
      self: { ...SELF, routes: ['192.168.1.0/24'] },
    }),
  },
  {
    name: 'routes-not-accepted',
    route: '/settings/routing',
    reads: '10.20.0.0/16',
    snapshot: snapshot({ devices: DOZEN, settings: { acceptRoutes: false } }),
  },
  {
    name: 'routes-none',
    route: '/settings/routing',
    reads: /./,
    snapshot: snapshot({ devices: [device({ name: 'atlas' })] }),
  },
];

const tab = (name: string, more: Partial<Scene> = {}): Scene => ({
  name: `diagnostics-${name}`,
  route: `/diagnostics/${name}`,
  reads: /./,
  snapshot: on,
  ...more,
});

export const DIAGNOSTICS: readonly Scene[] = [
  tab('overview'),
  tab('netcheck', { reads: 'Frankfurt' }),
  {
    ...tab('netcheck', { reads: 'Frankfurt', answers: { 'netcheck.run': { gives: BLOCKED_NETCHECK } } }),
    name: 'diagnostics-netcheck-blocked',
  },
  {
    ...tab('netcheck', {
      answers: { 'netcheck.run': { fails: 'timeout', message: 'netcheck.run took longer than 60 s' } },
    }),
    name: 'diagnostics-netcheck-failed',
  },
  {
    ...tab('netcheck', { answers: { 'netcheck.run': { never: true } } }),
    name: 'diagnostics-netcheck-running',
  },
  tab('traffic'),
  tab('path', { reads: 'adas-phone' }),
  tab('dns', { reads: 'corp.example.com' }),
  tab('logs', { reads: /the router refused UPnP/ }),
  {
    ...tab('logs', {
      reads: /<script>/,
      answers: {
        'log.tail': {
          gives: [
            ...LOG,
            JSON.stringify({ time: 1, level: 'error', event: 'x', message: '<script>alert(1)</script>' }),
            'not JSON at all',
            '{',
          ],
        },
      },
    }),
    name: 'diagnostics-logs-odd-lines',
    isUnpictured: true,
  },
  tab('report'),
  { ...tab('overview', { snapshot: readOnly }), name: 'diagnostics-read-only' },
  {
    ...tab('overview', {
      snapshot: snapshot({
        devices: DOZEN,
        warnings: [
          warning('network-status', {
            title: 'This computer has no network',
            severity: 'high',
            impactsConnectivity: true,
          }),
          warning('<b>odd</b>', {
            title: '<b>Markup</b>\u202e',
            text: 'javascript:alert(1) '.repeat(40),
            action: '<i>Click</i>',
          }),
        ],
      }),
      reads: /This computer has no network/,
    }),
    name: 'diagnostics-problems',
  },
  {
    ...tab('overview', {
      snapshot: {
        ...on,
        link: { kind: 'absent', why: 'stopped' },
        state: 'NoState',
        devices: {},
        self: undefined,
        settings: undefined,
      },
    }),
    name: 'diagnostics-no-service',
  },
  {
    ...tab('overview', {
      snapshot: snapshot({
        devices: DOZEN,
        daemon: { ...DAEMON, features: ['explain-path', 'logs', 'files', 'ssh'] },
      }),
    }),
    name: 'diagnostics-stock-daemon',
    isUnpictured: true,
  },
];

export const LAYERS: readonly Scene[] = [
  {
    name: 'palette',
    route: '/',
    reads: 'Find anything',
    snapshot: on,
    isLayer: true,
    steps: async (page) => page.keyboard.press('Control+k'),
  },
  {
    name: 'palette-found',
    route: '/',
    reads: /Copy address of/,
    snapshot: on,
    isLayer: true,
    steps: async (page) => {
      await page.keyboard.press('Control+k');
      await page.keyboard.type('atlas');
    },
  },
  {
    name: 'key-sheet',
    route: '/',
    reads: 'Keyboard shortcuts',
    snapshot: on,
    isLayer: true,
    steps: async (page) => page.keyboard.press('?'),
  },
  {
    name: 'confirm-off',
    route: '/',
    reads: 'Disconnect this device?',
    gui: { confirmDisconnect: true },
    snapshot: on,
    isLayer: true,
    steps: async (page) => page.getByRole('switch', { name: 'Connection' }).press('Space'),
  },
  {
    name: 'account-menu',
    route: '/',
    reads: 'Manage accounts',
    snapshot: on,
    isLayer: true,
    steps: async (page) => page.locator('[aria-haspopup]:visible').first().click(),
  },
  { name: 'no-such-page', route: '/nowhere', reads: 'No such page', snapshot: on },
  {
    name: 'call-failed',
    route: '/',
    reads: /Something went wrong|took too long/,
    snapshot: on,
    answers: { 'prefs.edit': { fails: 'timeout', message: 'prefs.edit took longer than 30 s' } },
    steps: async (page) => page.getByRole('switch', { name: 'Connection' }).press('Space'),
  },
];
