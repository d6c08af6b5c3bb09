/** What a person does with the app, from the first sign-in to the last sign-out; every step is seen on the page and at the daemon. */
import { expect } from 'vitest';
import { until } from '../lab/wait.ts';
import type { Hands } from './hands.ts';
import type { OpenPage, World } from './world.ts';

export interface Parts {
  readonly world: World;
  readonly tab: OpenPage;
  readonly hands: Hands;
}

const heading = ({ tab }: Parts, name: string | RegExp): Promise<void> =>
  tab.page.getByRole('heading', { level: 1, name }).waitFor();

/** By the navigation, as a person would. */
async function goTo({ tab, hands }: Parts, name: string): Promise<void> {
  await hands.press(tab.page.getByRole('navigation').getByRole('link', { name, exact: true }).first());
}

const button = ({ tab }: Parts, name: string | RegExp) =>
  tab.page.getByRole('button', typeof name === 'string' ? { name, exact: true } : { name });

async function chooseServer(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await hands.press(button(parts, 'Use another server'));
  await hands.write(tab.page.getByLabel('Address of the server'), world.serverUrl);
  await hands.press(button(parts, 'Check'));
  await tab.page.getByText(/Found a control server/).waitFor();
}

export async function signInWithKey(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await heading(parts, 'Sign in to join a network');
  await chooseServer(parts);
  await hands.press(button(parts, 'Use an auth key there'));
  await hands.write(tab.page.getByLabel('Auth key', { exact: true }), world.network.authKey);
  await hands.press(button(parts, 'Sign in'));
  await heading(parts, 'Connected');
  await world.state('Running');
}

/** The test is the person and the browser: it enters a code that an administrator made. */
export async function signInByBrowser(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await heading(parts, 'Sign in to join a network');
  await chooseServer(parts);
  await hands.press(button(parts, 'Sign in there'));
  await heading(parts, 'Finish signing in in your browser');
  const popup = tab.context.waitForEvent('page');
  await hands.press(button(parts, /^Open (in browser|again)$/));
  const page = await popup;
  const { code } = (await world.network.control.cli('admin-code', 'create', '--user', 'lab')) as {
    code: string;
  };
  await page.getByLabel(/code/i).fill(code);
  await page.keyboard.press('Enter');
  await page
    .getByText(/joined|is in/)
    .first()
    .waitFor();
  await page.close();
  await heading(parts, 'Connected');
  await world.state('Running');
}

export async function copyAddress(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  const { page } = tab;
  await goTo(parts, 'Devices');
  await hands.write(page.getByRole('searchbox'), 'island');
  await hands.press(page.getByRole('row', { name: /^island/ }));
  await heading(parts, 'island').catch(() => page.getByRole('heading', { name: 'island' }).first().waitFor());
  const [address = ''] = (await world.device.peer('island')).TailscaleIPs ?? [];
  await hands.press(button(parts, `Copy ${address}`));
  await page
    .getByText(/Copied/)
    .first()
    .waitFor();
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(address);
}

export async function useExitNode(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  const { page } = tab;
  const { ID = '' } = await world.device.peer('harbour');
  await goTo(parts, 'Exit node');
  await hands.press(
    page
      .getByRole('row', { name: /harbour/ })
      .or(page.getByRole('treeitem', { name: /harbour/ }))
      .first(),
  );
  await world.preference('ExitNodeID', ID);
  await goTo(parts, 'Home');
  await heading(parts, /Connected through/);
  await hands.press(button(parts, 'Stop using'));
  await world.preference('ExitNodeID', '');
  await heading(parts, 'Connected');
}

export async function shareRoutes(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  const { page } = tab;
  const isAccepting = page.getByRole('switch', { name: /Use networks shared by other devices/ });
  await goTo(parts, 'Settings');
  await hands.press(
    page
      .getByRole('link', { name: /Routing/ })
      .or(page.getByRole('tab', { name: /Routing/ }))
      .first(),
  );
  const before = await isAccepting.isChecked();
  await hands.press(isAccepting);
  await world.preference('RouteAll', !before);
  await hands.press(isAccepting);
  await world.preference('RouteAll', before);
  await hands.press(
    page
      .getByRole('link', { name: /Subnet routes/ })
      .or(button(parts, /Subnet routes/))
      .first(),
  );
  await heading(parts, 'Subnet routes');
  await page.getByText('10.66.0.0/16').first().waitFor();
  // An address within the network is taken for the network, and that is said.
  await hands.write(page.getByRole('textbox').first(), '10.99.1.7/24');
  await page.getByText('10.99.1.0/24').first().waitFor();
  await page.keyboard.press('Enter');
  await world.preference('AdvertiseRoutes', ['10.99.1.0/24']);
  await hands.press(button(parts, /Stop sharing 10\.99\.1\.0\/24/));
  await world.preference('AdvertiseRoutes', null);
}

/** A second account of another person's, and back. */
export async function switchAccounts(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  const { page } = tab;
  await hands.press(button(parts, /lab/).first());
  await hands.press(page.getByRole('menuitem', { name: 'Add an account' }));
  await heading(parts, 'Sign in to join a network');
  await chooseServer(parts);
  await hands.press(button(parts, 'Use an auth key there'));
  const key = await world.network.control.authKey({ user: 'other' });
  await hands.write(page.getByLabel('Auth key', { exact: true }), key);
  await hands.press(button(parts, 'Sign in'));
  await heading(parts, 'Connected');
  const current = async (): Promise<string> =>
    (await world.device.api.currentProfile(AbortSignal.timeout(5_000))).UserProfile.LoginName;
  await until('the new account to be in use', async () => (await current()).startsWith('other'));
  await hands.press(button(parts, /other/).first());
  await hands.press(page.getByRole('menuitem', { name: 'Manage accounts' }));
  await heading(parts, 'Accounts');
  await hands.press(button(parts, /^Switch to .*lab/));
  await until('the first account to be in use again', async () => (await current()).startsWith('lab'));
  await world.state('Running');
  await goTo(parts, 'Home');
  await heading(parts, 'Connected');
}

export async function readWhyRelayed(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  const { page } = tab;
  const { TailscaleIPs: [address = ''] = [] } = await world.device.peer('island');
  await world.device.cli(['ping', '-c', '1', '--until-direct=false', address]);
  await goTo(parts, 'Devices');
  await hands.write(page.getByRole('searchbox'), 'island');
  await hands.press(page.getByRole('row', { name: /^island/ }));
  await page.getByText('Packets go through a relay.').first().waitFor();
  await hands.press(button(parts, 'Why relayed?'));
  await page.getByText('Where it was looked for').waitFor();
}

export async function switchOffAndOn(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  const power = tab.page.getByRole('switch', { name: 'Connection' });
  // The input itself lies hidden under what is drawn.
  const target = hands.name === 'mouse' ? tab.page.locator('label').filter({ has: power }) : power;
  await hands.press(target);
  await heading(parts, 'Off');
  await world.state('Stopped');
  await hands.press(target);
  await heading(parts, 'Connected');
  await world.state('Running');
}

export async function signOut(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await hands.press(button(parts, /lab/).first());
  await hands.press(tab.page.getByRole('menuitem', { name: 'Manage accounts' }));
  await hands.press(button(parts, /^Sign out/).first());
  await hands.press(
    tab.page
      .getByRole('dialog')
      .or(tab.page.getByRole('alertdialog'))
      .getByRole('button', { name: 'Sign out' }),
  );
  await world.state('NeedsLogin');
}
