/** Getting in and out: signing in each way, accounts, exit nodes, offering one. */
import { account, device, POLICY, READ_ONLY, SELF, SIGNED_OUT, snapshot } from '../builders.ts';
import { DOZEN, HOSTILE, SERVERS } from '../networks.ts';
import type { Scene } from '../scene.ts';

export const SIGN_IN: readonly Scene[] = [
  {
    name: 'sign-in-auth-key',
    route: '/',
    reads: 'Use an auth key',
    snapshot: snapshot(SIGNED_OUT),
    steps: async (page) => page.getByRole('button', { name: 'Use an auth key' }).click(),
  },
  {
    name: 'sign-in-other-server',
    route: '/',
    reads: 'Use another server',
    snapshot: snapshot(SIGNED_OUT),
    steps: async (page) => page.getByRole('button', { name: 'Use another server' }).click(),
  },
  {
    name: 'sign-in-failed',
    route: '/',
    reads: /This auth key was used before/,
    snapshot: { ...snapshot(SIGNED_OUT), loginError: 'the auth key was used before and is not reusable' },
  },
  {
    name: 'sign-in-read-only',
    route: '/',
    reads: 'Sign in to join a network',
    snapshot: { ...snapshot(SIGNED_OUT), link: READ_ONLY },
    isUnpictured: true,
  },
  {
    name: 'sign-in-starting',
    route: '/',
    reads: 'Asking for a sign-in page…',
    snapshot: snapshot(SIGNED_OUT),
    answers: { 'login.start': { never: true } },
    steps: async (page) => page.getByRole('button', { name: 'Sign in', exact: true }).click(),
    isUnpictured: true,
  },
  {
    name: 'sign-in-auth-key-bad',
    route: '/',
    reads: /one word/,
    snapshot: snapshot(SIGNED_OUT),
    steps: async (page) => {
      await page.getByRole('button', { name: 'Use an auth key' }).click();
      await page.getByLabel('Auth key').fill('two words');
    },
    isUnpictured: true,
  },
  {
    name: 'sign-in-auth-key-refused',
    route: '/',
    reads: 'Use an auth key',
    snapshot: { ...snapshot(SIGNED_OUT), loginError: 'the auth key was used before and is not reusable' },
    steps: async (page) => page.getByRole('button', { name: 'Use an auth key' }).click(),
  },
  {
    name: 'sign-in-server-found',
    route: '/',
    reads: /Found a control server/,
    snapshot: snapshot(SIGNED_OUT),
    steps: async (page) => {
      await page.getByRole('button', { name: 'Use another server' }).click();
      await page.getByLabel('Address of the server').fill('control.example.com');
      await page.getByRole('button', { name: 'Check' }).click();
    },
  },
  {
    name: 'sign-in-qr',
    route: '/',
    reads: 'Scan it to sign in from your phone.',
    snapshot: { ...snapshot(SIGNED_OUT), authUrl: 'https://control.example.com/a/17c3f09b5d21' },
    steps: async (page) => page.getByRole('button', { name: 'Show QR code' }).click(),
  },
  {
    name: 'sign-in-no-browser',
    route: '/',
    reads: /No browser could be opened/,
    snapshot: { ...snapshot(SIGNED_OUT), authUrl: 'https://control.example.com/a/17c3f09b5d21' },
    answers: {
      'open.url': { gives: { url: 'https://control.example.com/a/17c3f09b5d21', isOpened: false } },
    },
    steps: async (page) => page.getByRole('button', { name: 'Open in browser' }).click(),
  },
  {
    name: 'sign-in-in-the-browser',
    route: '/',
    host: 'web',
    reads: 'Sign in to join a network',
    snapshot: snapshot(SIGNED_OUT),
    isUnpictured: true,
  },
  {
    name: 'waiting-approval-read-only',
    route: '/',
    reads: 'Waiting for an admin to approve this device',
    snapshot: snapshot({ state: 'NeedsMachineAuth', link: READ_ONLY, accounts: [] }),
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
  {
    name: 'accounts-rename',
    route: '/accounts',
    reads: 'Rename the account',
    snapshot: several,
    isLayer: true,
    steps: async (page) => page.getByRole('button', { name: 'Rename' }).click(),
  },
  {
    name: 'accounts-remove',
    route: '/accounts',
    reads: 'Remove work?',
    snapshot: several,
    isLayer: true,
    steps: async (page) => page.getByRole('button', { name: 'Remove work' }).click(),
    isUnpictured: true,
  },
  { name: 'accounts-none', route: '/accounts', reads: 'No account yet', snapshot: snapshot(SIGNED_OUT) },
  {
    name: 'accounts-hostile',
    route: '/accounts',
    reads: '<b>me</b>',
    snapshot: snapshot({
      devices: DOZEN,
      accounts: [
        account({ id: 'a1', isCurrent: true, name: '<b>me</b>', network: '\u202eevil' }),
        account({ id: 'a2', name: 'long '.repeat(80), network: 'n'.repeat(400), server: 'not a url' }),
      ],
    }),
    isUnpictured: true,
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
    isUnpictured: true,
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
    name: 'exit-node-country',
    route: '/exit-node',
    reads: 'Berlin',
    snapshot: located,
    steps: async (page) => {
      await page.getByRole('row', { name: /Germany/ }).focus();
      await page.keyboard.press('ArrowRight');
    },
  },
  {
    name: 'exit-node-no-match',
    route: '/exit-node',
    reads: /Nothing|No /,
    snapshot: located,
    steps: async (page) => page.getByRole('searchbox').or(page.getByRole('combobox')).first().fill('zzz'),
    isUnpictured: true,
  },
  {
    name: 'exit-node-managed',
    route: '/exit-node',
    reads: 'harbour',
    snapshot: snapshot({ devices: DOZEN, policy: POLICY, settings: { exitNodeId: 'n-harbour' } }),
  },
  {
    name: 'exit-node-hostile',
    route: '/exit-node',
    reads: '<img src=x onerror=alert(1)>',
    snapshot: snapshot({ devices: HOSTILE.map((one) => ({ ...one, isExitOption: true })) }),
    isUnpictured: true,
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
    name: 'offer-exit-node-ask',
    route: '/offer-exit-node',
    reads: /Offer this device/,
    snapshot: snapshot({ devices: DOZEN }),
    isLayer: true,
    steps: async (page) => page.getByRole('switch').press('Space'),
  },
  {
    name: 'offer-exit-node-read-only',
    route: '/offer-exit-node',
    reads: /internet traffic/,
    snapshot: snapshot({ devices: DOZEN, link: READ_ONLY, accounts: [] }),
    isUnpictured: true,
  },
  {
    name: 'offer-exit-node-unknown',
    route: '/offer-exit-node',
    reads: /internet traffic/,
    snapshot: snapshot({ devices: DOZEN }),
    answers: { 'routes.check': { fails: 'timeout', message: 'routes.check took longer than 10 s' } },
    isUnpictured: true,
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
    name: 'offer-exit-node-not-fixed',
    route: '/offer-exit-node',
    reads: /Nothing was changed/,
    snapshot: snapshot({ devices: DOZEN }),
    answers: {
      'routes.check': {
        gives: {
          forwarding: 'IP forwarding is disabled, subnet routing/exit nodes will not work.',
          udpGro: '',
        },
      },
      'forwarding.enable': {
        fails: 'not-allowed',
        message: 'nothing was changed: the question was closed',
      },
    },
    steps: async (page) => page.getByRole('button', { name: 'Fix' }).click(),
    isUnpictured: true,
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
    isUnpictured: true,
  },
];
