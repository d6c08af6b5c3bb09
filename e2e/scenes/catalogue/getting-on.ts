/** The first run, another device, renewing a key, what an organisation has settled, and refusals on the way in. */
import { account, ago, DAEMON, HOUR, MINUTE, POLICY, SELF, SIGNED_OUT, snapshot } from '../builders.ts';
import { DOZEN } from '../networks.ts';
import type { Scene } from '../scene.ts';

const on = snapshot({ devices: DOZEN });
const NEW = { isIntroduced: false };

const probed = (
  trouble: 'foreign' | 'tls',
  problem: string,
): Pick<Scene, 'route' | 'snapshot' | 'answers' | 'steps'> => ({
  route: '/',
  snapshot: snapshot(SIGNED_OUT),
  answers: {
    'login.probeServer': {
      gives: { url: 'https://vpn.example.com', isReachable: false, trouble, problem },
    },
  },
  steps: async (page) => {
    await page.getByRole('button', { name: 'Use another server' }).click();
    await page.getByLabel('Address of the server').fill('vpn.example.com');
    await page.getByRole('button', { name: 'Check' }).click();
  },
});

export const GETTING_ON: readonly Scene[] = [
  { name: 'intro-switch', route: '/', reads: 'One switch', gui: NEW, snapshot: on },
  {
    name: 'intro-signed-out',
    route: '/',
    reads: 'One switch',
    gui: NEW,
    snapshot: snapshot(SIGNED_OUT),
    isUnpictured: true,
  },
  {
    name: 'intro-no-tray',
    route: '/',
    reads: 'Your desktop has no tray',
    gui: NEW,
    can: ['service', 'window'],
    snapshot: on,
    steps: async (page) => page.getByRole('button', { name: 'Next' }).click(),
  },
  {
    name: 'intro-tray-named',
    route: '/',
    reads: /in the tray of KDE Plasma/,
    gui: NEW,
    trayHost: 'KDE Plasma',
    snapshot: on,
    steps: async (page) => page.getByRole('button', { name: 'Next' }).click(),
    isUnpictured: true,
  },
  {
    name: 'intro-notifications',
    route: '/',
    reads: 'Told when it matters',
    gui: NEW,
    snapshot: on,
    steps: async (page) => {
      await page.getByRole('button', { name: 'Next' }).click();
      await page.getByRole('button', { name: 'Next' }).click();
    },
    isUnpictured: true,
  },
  {
    name: 'home-add-device',
    route: '/',
    reads: /official client/,
    snapshot: snapshot(),
    isLayer: true,
    steps: async (page) => {
      await page.getByRole('button', { name: 'Add a device' }).click();
      await page.getByRole('tab', { name: 'Android' }).click();
    },
  },
  {
    name: 'home-versions-apart',
    route: '/',
    reads: /the service still/,
    snapshot: snapshot({ devices: DOZEN, daemon: { ...DAEMON, version: '0.0.9' } }),
  },
  {
    name: 'home-renewing',
    route: '/',
    reads: /You stay connected/,
    snapshot: snapshot({ devices: DOZEN, authUrl: 'https://control.example.com/a/17c3f09b5d21' }),
  },
  {
    name: 'home-key-last-hour',
    route: '/',
    reads: /After that it can’t reach the network/,
    snapshot: snapshot({
      devices: DOZEN,
      self: { ...SELF, keyExpiryMs: ago(-40 * MINUTE), keyCreatedMs: ago(23 * HOUR) },
    }),
    isUnpictured: true,
  },
  {
    name: 'home-always-on',
    route: '/',
    reads: /Set by/,
    snapshot: snapshot({
      devices: DOZEN,
      policy: { ...POLICY, fixed: ['wantRunning', 'exitNodeId'] },
      settings: { exitNodeId: 'n-harbour' },
    }),
  },
  {
    name: 'sign-in-server-foreign',
    reads: /but it is no control server/,
    ...probed('foreign', 'GET /key answered 404'),
    isUnpictured: true,
  },
  {
    name: 'sign-in-server-tls',
    reads: /can’t be trusted/,
    ...probed('tls', 'its certificate has an unknown issuer'),
  },
  {
    name: 'sign-in-server-fixed',
    route: '/',
    reads: /Set by/,
    snapshot: { ...snapshot(SIGNED_OUT), policy: POLICY },
    steps: async (page) => page.getByRole('button', { name: 'Use another server' }).click(),
    isUnpictured: true,
  },
  {
    name: 'accounts-switch-failed',
    route: '/accounts',
    reads: /Still using/,
    snapshot: snapshot({
      devices: DOZEN,
      accounts: [account({ id: 'a1', isCurrent: true }), account({ id: 'a2', network: 'family.example' })],
    }),
    answers: { 'account.switch': { fails: 'unavailable', message: 'the state could not be stored' } },
    steps: async (page) => page.getByRole('button', { name: /^Switch/ }).click(),
    isUnpictured: true,
  },
  {
    name: 'ssh-from-anywhere',
    route: '/diagnostics',
    reads: /User name|name there/i,
    snapshot: on,
    isLayer: true,
    steps: async (page) => {
      await page.keyboard.press('Control+k');
      await page.keyboard.type('terminal atlas');
      await page.keyboard.press('Enter');
    },
    isUnpictured: true,
  },
];
