/** What lies over every screen: the palette, menus, questions, toasts; and what is no screen at all. */
import { READ_ONLY, snapshot } from '../builders.ts';
import { DOZEN } from '../networks.ts';
import type { Scene } from '../scene.ts';

const on = snapshot({ devices: DOZEN });

export const LAYERS: readonly Scene[] = [
  {
    name: 'palette',
    route: '/',
    reads: 'Disconnect',
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
  {
    name: 'palette-nothing',
    route: '/',
    reads: /Nothing|No /,
    snapshot: on,
    isLayer: true,
    steps: async (page) => {
      await page.keyboard.press('Control+k');
      await page.keyboard.type('zzzz');
    },
    isUnpictured: true,
  },
  {
    name: 'read-only-other-ways',
    route: '/devices',
    reads: /rhumb set/,
    snapshot: snapshot({ devices: DOZEN, link: READ_ONLY, accounts: [] }),
    steps: async (page) => page.getByText('Other ways').click(),
  },
  {
    name: 'read-only-refused',
    route: '/',
    reads: 'No change was made.',
    snapshot: snapshot({ devices: DOZEN, link: READ_ONLY, accounts: [] }),
    answers: { 'operator.grant': { fails: 'cancelled', message: 'the password dialog was closed' } },
    steps: async (page) => page.getByRole('button', { name: 'Allow my account' }).click(),
    isUnpictured: true,
  },
];
