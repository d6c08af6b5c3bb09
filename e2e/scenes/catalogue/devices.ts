/** The list of devices in every size, and the page of a device in every condition. */
import { ago, DAY, MINUTE, NOW, READ_ONLY, SECOND, SELF, snapshot, warning } from '../builders.ts';
import { crowd, DOZEN, HOSTILE, LONELY, SERVERS } from '../networks.ts';
import type { Scene } from '../scene.ts';
import { emitting } from '../scripted-bridge.ts';

const route = '/devices';
const on = snapshot({ devices: DOZEN });

export const DEVICES: readonly Scene[] = [
  { name: 'devices', route, reads: 'atlas', snapshot: on },
  { name: 'devices-none', route, reads: 'No other devices yet', snapshot: snapshot() },
  { name: 'devices-one', route, reads: 'atlas', snapshot: snapshot({ devices: LONELY }), isUnpictured: true },
  { name: 'devices-300', route, reads: 'build-5', snapshot: snapshot({ devices: crowd(300) }) },
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
    isUnpictured: true,
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
    steps: async (page) => page.getByRole('searchbox').fill('se-sto'),
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
  { name: 'devices-grouped', route: `${route}?group=owner`, reads: 'Bruno Costa', snapshot: on },
  {
    name: 'devices-of-a-tag',
    route: `${route}?show=tagged&sort=os`,
    reads: 'Any',
    snapshot: on,
    isUnpictured: true,
  },
  { name: 'devices-filtered', route: `${route}?show=exit`, reads: 'harbour', snapshot: on },
  {
    name: 'devices-filter-finds-none',
    route: `${route}?show=relayed,ssh`,
    reads: /No device|Nothing/,
    snapshot: on,
    isUnpictured: true,
  },
  {
    name: 'devices-out-of-date',
    route,
    reads: /out of date/,
    snapshot: snapshot({
      devices: DOZEN,
      warnings: [warning('not-in-map-poll', { brokenSinceMs: ago(9 * MINUTE) })],
    }),
  },
  {
    name: 'devices-reconnecting',
    route,
    reads: 'atlas',
    snapshot: snapshot({ devices: DOZEN, link: { kind: 'lost', sinceMs: ago(SECOND) } }),
    isUnpictured: true,
  },
  {
    name: 'devices-connecting',
    route,
    reads: 'Devices',
    snapshot: snapshot({ state: 'Starting' }),
    isUnpictured: true,
  },
  {
    name: 'devices-measuring',
    route,
    reads: 'atlas',
    snapshot: on,
    steps: async (page) => page.getByRole('button', { name: /Measure all/ }).click(),
    isUnpictured: true,
  },
  {
    name: 'devices-in-the-browser',
    route,
    host: 'web',
    reads: 'atlas',
    snapshot: on,
    isUnpictured: true,
  },
];

const PINGS = [9.4, 9.1, 9.8, undefined, 10.2, 38, 41, 40, 9.6, 9.2, 9.3, 12.4, 9.1] as const;

const page = (id: string): string => `/devices/${id}`;

export const DEVICE: readonly Scene[] = [
  { name: 'device-direct', route: page('n-harbour'), reads: 'harbour', snapshot: on },
  { name: 'device-relayed', route: page('n-adas-phone'), reads: 'adas-phone', snapshot: on },
  { name: 'device-peer-relay', route: page('n-kestrel'), reads: 'kestrel', snapshot: on, isUnpictured: true },
  { name: 'device-idle', route: page('n-build-2'), reads: 'build-2', snapshot: on, isUnpictured: true },
  { name: 'device-offline', route: page('n-okafor-laptop'), reads: 'okafor-laptop', snapshot: on },
  { name: 'device-expired', route: page('n-tablet'), reads: 'tablet', snapshot: on },
  { name: 'device-router', route: page('n-office-router'), reads: '10.20.0.0/16', snapshot: on },
  {
    name: 'device-shared',
    route: page('n-mei-workstation'),
    reads: 'mei-workstation',
    snapshot: on,
    isUnpictured: true,
  },
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
    isUnpictured: true,
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
    steps: async (it) => {
      await it.getByRole('button', { name: 'Ping', exact: true }).click();
      for (const latencyMs of PINGS)
        await it.evaluate(
          emitting({
            name: 'ping',
            value: {
              operation: 'op-1',
              ...(latencyMs === undefined ? {} : { latencyMs }),
              via: (latencyMs ?? 0) > 30 ? 'relay fra' : '203.0.113.80:41641',
              isLast: false,
            },
          }),
        );
      await it.locator('.sums').scrollIntoViewIfNeeded();
    },
  },
  {
    name: 'device-explained',
    route: page('n-adas-phone'),
    reads: '10.112.4.8:41641',
    snapshot: on,
    steps: async (it) => {
      await it.getByRole('button', { name: /Why relayed|What was tried/ }).click();
      await it.getByText('10.112.4.8:41641').scrollIntoViewIfNeeded();
    },
  },
  {
    name: 'device-technical',
    route: page('n-harbour'),
    reads: /nodekey:/,
    snapshot: on,
    steps: async (it) => {
      await it.getByText('Technical details').click();
      await it.getByText(/nodekey:/).scrollIntoViewIfNeeded();
    },
    isUnpictured: true,
  },
  {
    name: 'device-ssh',
    route: page('n-harbour'),
    reads: 'Connect to',
    snapshot: on,
    isLayer: true,
    steps: async (it) =>
      it.getByRole('complementary').getByRole('button', { name: 'SSH', exact: true }).click(),
  },
  {
    name: 'device-menu',
    route: page('n-harbour'),
    reads: 'Use as exit node',
    snapshot: on,
    isLayer: true,
    steps: async (it) => it.getByRole('button', { name: /^More for/ }).click(),
    isUnpictured: true,
  },
  {
    name: 'device-copied',
    route: page('n-harbour'),
    reads: /Copied/,
    snapshot: on,
    steps: async (it) =>
      it
        .getByRole('button', { name: /100\.64\.18\.74/ })
        .first()
        .click(),
    isUnpictured: true,
  },
  {
    name: 'device-off',
    route: page('n-harbour'),
    reads: 'harbour',
    snapshot: snapshot({ devices: DOZEN, state: 'Stopped', settings: { wantRunning: false } }),
    isUnpictured: true,
  },
  {
    name: 'device-expiring',
    route: page('n-atlas'),
    reads: 'atlas',
    snapshot: snapshot({
      devices: DOZEN.map((one) => (one.name === 'atlas' ? { ...one, keyExpiryMs: NOW + 2 * DAY } : one)),
    }),
    isUnpictured: true,
  },
  {
    name: 'device-removed-while-open',
    route: page('n-harbour'),
    reads: /Back to devices/,
    snapshot: on,
    events: [{ name: 'patch', value: { seq: 2, patch: { devices: { 'n-harbour': null } } } }],
    isUnpictured: true,
  },
];
