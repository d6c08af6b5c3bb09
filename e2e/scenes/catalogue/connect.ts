/** Getting in: signing in each way, accounts, exit nodes, offering one, and trouble with the service. */
import { NO_SNAPSHOT } from '#shared/ui-state/empty.ts';
import { account, DAEMON, device, READ_ONLY, SELF, snapshot } from '../builders.ts';
import { DOZEN, SERVERS } from '../networks.ts';
import type { Scene } from '../scene.ts';

const signedOut = snapshot({
  state: 'NeedsLogin',
  self: undefined,
  network: undefined,
  users: {},
  accounts: [],
  settings: { wantRunning: false, loggedOut: true },
});

export const SIGN_IN: readonly Scene[] = [
  {
    name: 'sign-in-auth-key',
    route: '/',
    reads: 'Use an auth key',
    snapshot: signedOut,
    steps: async (page) => page.getByRole('button', { name: 'Use an auth key' }).click(),
  },
  {
    name: 'sign-in-other-server',
    route: '/',
    reads: 'Use another server',
    snapshot: signedOut,
    steps: async (page) => page.getByRole('button', { name: 'Use another server' }).click(),
  },
  {
    name: 'sign-in-failed',
    route: '/',
    reads: /This auth key was used before/,
    snapshot: { ...signedOut, loginError: 'the auth key was used before and is not reusable' },
  },
  {
    name: 'sign-in-read-only',
    route: '/',
    reads: 'Sign in to join a network',
    snapshot: { ...signedOut, link: READ_ONLY },
    isUnpictured: true,
  },
];

const ACCOUNTS = [
  account({ id: 'a1', isCurrent: true }),
  account({ id: 'a2', network: 'family.example', server: 'https://login.example.net' }),
  account({ id: 'a3', name: 'work', loginName: 'ada@company.example', network: 'company.example' }),
];
const several = snapshot({ devices: DOZEN, accounts: ACCOUNTS });

export const ACCOUNT: readonly Scene[] = [
  { name: 'accounts', route: '/accounts', reads: 'family.example', snapshot: several },
  {
    name: 'accounts-one',
    route: '/accounts',
    reads: 'ada@example.com',
    snapshot: snapshot({ devices: DOZEN }),
    isUnpictured: true,
  },
  {
    name: 'accounts-read-only',
    route: '/accounts',
    reads: /permission/,
    snapshot: snapshot({ devices: DOZEN, link: READ_ONLY, accounts: [] }),
  },
  {
    name: 'accounts-sign-out',
    route: '/accounts',
    reads: /sign in again/,
    snapshot: several,
    isLayer: true,
    steps: async (page) =>
      page
        .getByRole('button', { name: /^Sign out/ })
        .first()
        .click(),
  },
];

const located = snapshot({ devices: [...DOZEN, ...SERVERS], suggestedExitNodeId: 'n-harbour' });

export const EXIT: readonly Scene[] = [
  {
    name: 'exit-node',
    route: '/exit-node',
    reads: 'harbour',
    gui: { recentExitNodes: ['n-harbour'], pinnedDevices: ['n-harbour'] },
    snapshot: snapshot({ devices: DOZEN, suggestedExitNodeId: 'n-harbour' }),
  },
  { name: 'exit-node-locations', route: '/exit-node', reads: 'Germany', snapshot: located },
  {
    name: 'exit-node-search',
    route: '/exit-node',
    reads: /Tokyo/,
    snapshot: located,
    steps: async (page) => page.getByRole('searchbox').or(page.getByRole('combobox')).first().fill('tok'),
  },
  {
    name: 'exit-node-in-use',
    route: '/exit-node',
    reads: 'harbour',
    snapshot: snapshot({
      devices: DOZEN,
      suggestedExitNodeId: 'n-harbour',
      settings: { exitNodeId: 'n-harbour', allowLan: true },
    }),
  },
  {
    name: 'exit-node-none-offered',
    route: '/exit-node',
    reads: /exit node/i,
    snapshot: snapshot({ devices: [device({ name: 'atlas' })] }),
  },
  {
    name: 'exit-node-broken',
    route: '/exit-node',
    reads: 'gone-away',
    snapshot: snapshot({
      devices: [...DOZEN, device({ name: 'gone-away', isExitOption: true, isOnline: false })],
      settings: { exitNodeId: 'n-gone-away' },
    }),
  },
  {
    name: 'exit-node-automatic',
    route: '/exit-node',
    reads: 'harbour',
    snapshot: snapshot({
      devices: DOZEN,
      suggestedExitNodeId: 'n-harbour',
      settings: { exitNodeId: 'n-harbour', autoExitNode: 'any' },
    }),
    isUnpictured: true,
  },
  {
    name: 'exit-node-while-offering',
    route: '/exit-node',
    reads: /offer/i,
    snapshot: snapshot({ devices: DOZEN, settings: { advertiseRoutes: ['0.0.0.0/0', '::/0'] } }),
  },
  {
    name: 'exit-node-read-only',
    route: '/exit-node',
    reads: 'harbour',
    snapshot: snapshot({ devices: DOZEN, link: READ_ONLY, accounts: [] }),
    isUnpictured: true,
  },
];

export const OFFER: readonly Scene[] = [
  {
    name: 'offer-exit-node',
    route: '/offer-exit-node',
    reads: /internet traffic/,
    snapshot: snapshot({ devices: DOZEN }),
  },
  {
    name: 'offer-exit-node-pending',
    route: '/offer-exit-node',
    reads: /internet traffic/,
    snapshot: snapshot({ devices: DOZEN, settings: { advertiseRoutes: ['0.0.0.0/0', '::/0'] } }),
    answers: {
      'routes.check': {
        gives: { forwarding: 'IP forwarding is off: sysctl net.ipv4.ip_forward is 0.', udpGro: '' },
      },
    },
  },
  {
    name: 'offer-exit-node-approved',
    route: '/offer-exit-node',
    reads: /internet traffic/,
    snapshot: snapshot({
      devices: DOZEN,
      self: { ...SELF, isExitOption: true },
      settings: { advertiseRoutes: ['0.0.0.0/0', '::/0'] },
    }),
  },
];

const absent = (why: 'not-installed' | 'stopped') => ({
  ...NO_SNAPSHOT,
  link: { kind: 'absent' as const, why },
});

/** Where the state alone does not say what is shown. */
export const TROUBLE: readonly Scene[] = [
  {
    name: 'no-service-macos',
    platform: 'darwin',
    route: '/',
    reads: /service isn’t installed/,
    snapshot: absent('not-installed'),
  },
  {
    name: 'no-service-windows',
    platform: 'win32',
    route: '/',
    reads: /service isn’t installed/,
    snapshot: absent('not-installed'),
  },
  {
    name: 'installing-failed',
    route: '/',
    reads: /service isn’t installed/,
    snapshot: absent('not-installed'),
    answers: {
      'service.install': {
        fails: 'internal',
        message: 'install-service ended with exit code 3: no space left on device',
      },
    },
    steps: async (page) => {
      await page
        .getByRole('button', { name: /Install/ })
        .first()
        .click();
      await page.getByText(/no space left/).waitFor();
    },
  },
  {
    name: 'installing-cancelled',
    route: '/',
    reads: /service isn’t installed/,
    snapshot: absent('not-installed'),
    answers: { 'service.install': { fails: 'cancelled', message: 'the password dialog was closed' } },
    steps: async (page) => {
      await page
        .getByRole('button', { name: /Install/ })
        .first()
        .click();
      await page
        .getByText(/Nothing was changed|No change was made/)
        .first()
        .waitFor();
    },
  },
  {
    name: 'installing',
    route: '/',
    reads: /service isn’t installed/,
    snapshot: absent('not-installed'),
    answers: { 'service.install': { never: true } },
    steps: async (page) =>
      page
        .getByRole('button', { name: /Install/ })
        .first()
        .click(),
  },
  {
    name: 'starting-service',
    route: '/',
    reads: /service isn’t running/,
    snapshot: absent('stopped'),
    answers: { 'service.start': { never: true } },
    steps: async (page) => page.getByRole('button', { name: /Start/ }).first().click(),
    isUnpictured: true,
  },
  {
    name: 'older-service',
    route: '/',
    reads: /different versions/,
    snapshot: { ...NO_SNAPSHOT, link: { kind: 'mismatch', daemonVersion: '0.0.3' }, daemon: DAEMON },
    isUnpictured: true,
  },
];
