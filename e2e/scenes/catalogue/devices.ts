/** The list of devices in every size, and the page of a device in every condition. */
import { MINUTE, NOW, READ_ONLY, SELF, snapshot } from '../builders.ts';
import { crowd, DOZEN, HOSTILE, LONELY, SERVERS } from '../networks.ts';
import type { Scene } from '../scene.ts';

const route = '/devices';
const on = snapshot({ devices: DOZEN });

export const DEVICES: readonly Scene[] = [
  { name: 'devices', route, reads: 'atlas', snapshot: on },
  { name: 'devices-none', route, reads: 'No other devices yet', snapshot: snapshot() },
  { name: 'devices-one', route, reads: 'atlas', snapshot: snapshot({ devices: LONELY }), isUnpictured: true },
  { name: 'devices-300', route, reads: 'laptop-1', snapshot: snapshot({ devices: crowd(300) }) },
  {
    name: 'devices-5000',
    route,
    reads: 'build-5',
    snapshot: snapshot({ devices: crowd(5_000) }),
    isUnpictured: true,
  },
  {
    name: 'devices-compact',
    route,
    reads: 'atlas',
    gui: { density: 'compact', pinnedDevices: ['n-atlas'] },
    snapshot: on,
  },
  {
    name: 'devices-hostile-names',
    route,
    reads: '<img src=x onerror=alert(1)>',
    snapshot: snapshot({ devices: HOSTILE }),
  },
  {
    name: 'devices-off',
    route,
    reads: 'atlas',
    snapshot: snapshot({ devices: DOZEN, state: 'Stopped', settings: { wantRunning: false } }),
  },
  {
    name: 'devices-read-only',
    route,
    reads: 'atlas',
    snapshot: snapshot({ devices: DOZEN, link: READ_ONLY, accounts: [] }),
  },
  {
    name: 'devices-search',
    route,
    reads: 'kestrel',
    snapshot: on,
    steps: async (page) => page.getByRole('searchbox').fill('kest'),
  },
  {
    name: 'devices-no-match',
    route,
    reads: /Nothing matches/,
    snapshot: snapshot({ devices: [...DOZEN, ...SERVERS] }),
    steps: async (page) => page.getByRole('searchbox').fill('stockholm'),
  },
  {
    name: 'devices-row-menu',
    route,
    reads: 'Copy address',
    snapshot: on,
    isLayer: true,
    steps: async (page) => {
      await page.getByRole('row', { name: /harbour/ }).focus();
      await page.keyboard.press('Shift+F10');
    },
  },
];

const page = (id: string): string => `/devices/${id}`;

export const DEVICE: readonly Scene[] = [
  { name: 'device-direct', route: page('n-harbour'), reads: 'harbour', snapshot: on },
  { name: 'device-relayed', route: page('n-adas-phone'), reads: 'adas-phone', snapshot: on },
  { name: 'device-peer-relay', route: page('n-kestrel'), reads: 'kestrel', snapshot: on, isUnpictured: true },
  { name: 'device-idle', route: page('n-build-2'), reads: 'build-2', snapshot: on, isUnpictured: true },
  { name: 'device-offline', route: page('n-okafor-laptop'), reads: 'okafor-laptop', snapshot: on },
  { name: 'device-expired', route: page('n-tablet'), reads: 'tablet', snapshot: on },
  { name: 'device-router', route: page('n-office-router'), reads: '10.20.0.0/16', snapshot: on },
  { name: 'device-shared', route: page('n-mei-workstation'), reads: 'mei-workstation', snapshot: on },
  { name: 'device-this', route: page(SELF.id), reads: 'lighthouse', snapshot: on },
  {
    name: 'device-this-expires-soon',
    route: page(SELF.id),
    reads: 'lighthouse',
    snapshot: snapshot({ devices: DOZEN, self: { ...SELF, keyExpiryMs: NOW + 50 * MINUTE } }),
  },
  { name: 'device-gone', route: page('n-never-was'), reads: /Back to devices/, snapshot: on },
  {
    name: 'device-hostile',
    route: page('h-markup'),
    reads: '<img src=x onerror=alert(1)>',
    snapshot: snapshot({ devices: HOSTILE }),
  },
  {
    name: 'device-long-name',
    route: page('h-long'),
    reads: /wide-wide/,
    snapshot: snapshot({ devices: HOSTILE }),
  },
  {
    name: 'device-proto',
    route: page('__proto__'),
    reads: /./,
    snapshot: snapshot({ devices: HOSTILE }),
    isUnpictured: true,
  },
  {
    name: 'device-read-only',
    route: page('n-harbour'),
    reads: 'harbour',
    snapshot: snapshot({ devices: DOZEN, link: READ_ONLY, accounts: [] }),
    isUnpictured: true,
  },
  {
    name: 'device-ping',
    route: page('n-harbour'),
    reads: 'harbour',
    snapshot: on,
    steps: async (it) => it.getByRole('button', { name: 'Ping', exact: true }).click(),
  },
  {
    name: 'device-removed-while-open',
    route: page('n-harbour'),
    reads: /Back to devices/,
    snapshot: on,
    events: [{ name: 'patch', value: { seq: 2, patch: { devices: { 'n-harbour': null } } } }],
  },
];
