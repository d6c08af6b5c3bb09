/** Joining a network: by key, by browser, with an admin's yes, again when the key is over; and leaving it. */
import { button, dialog, field, menuItem, type Thing } from '../thing.ts';
import { DEVICE_NAME } from '../world.ts';
import { accountButton, home, type Parts } from './parts.ts';

const WANTED = 'Sign in to join a network';

export async function chooseServer(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await hands.press(button('Use another server'));
  await hands.write(field('Address of the server'), world.serverUrl);
  await hands.submit(button('Check'));
  await tab.hears(/Found a control server/, 'polite');
}

async function enterKey(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await tab.arrives(WANTED, 'Home');
  await hands.write(field('Name of this device'), DEVICE_NAME);
  await chooseServer(parts);
  await hands.press(button('Use an auth key there'));
  await hands.write(field('Auth key'), world.network.authKey);
  await hands.submit(button('Sign in'));
}

export async function signInWithKey(parts: Parts): Promise<void> {
  const { tab, world } = parts;
  await enterKey(parts);
  await home(parts, 'Connected');
  await tab.hears('Connected', 'polite');
  await tab.keepsFocus();
  await world.state('Running');
}

/**
 * The server's page opens by itself; somebody who closed it opens it again. The test is the person there, too: it enters a
 * code that an administrator made.
 */
export async function finishInBrowser(parts: Parts, start: Thing): Promise<void> {
  const { tab, hands, world } = parts;
  const opened = tab.context.waitForEvent('page');
  await hands.press(start);
  await (await opened).close();
  await tab.hears('Waiting for your browser', 'polite');
  const again = tab.context.waitForEvent('page');
  await hands.press(button('Open again'));
  const page = await again;
  await page.getByLabel(/code/i).fill(await world.adminCode());
  await page.keyboard.press('Enter');
  await page.getByText('has joined the network').waitFor();
  await page.close();
}

export async function signInByBrowser(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await tab.arrives(WANTED, 'Home');
  await hands.write(field('Name of this device'), DEVICE_NAME);
  await chooseServer(parts);
  await finishInBrowser(parts, button('Sign in there'));
  await home(parts, 'Connected');
  await tab.hears('Connected', 'polite');
  await tab.keepsFocus();
  await world.state('Running');
}

/** The network wants an admin's yes for each new machine. */
export async function waitForApproval(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await world.forgetDevice();
  await world.approvals(true);
  await enterKey(parts);
  await home(parts, 'Waiting for an admin to approve this device');
  await tab.hears('Waiting for an admin to approve this device', 'polite');
  await tab.keepsFocus();
  await hands.press(button('Copy request'));
  await tab.hears(/^Copied/);
  await world.approveDevice();
  await home(parts, 'Connected');
  await tab.hears('Connected', 'polite');
  await tab.keepsFocus();
  await world.approvals(false);
}

export async function signOut(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await hands.press(accountButton());
  await hands.press(menuItem('Manage accounts'));
  await tab.arrives('Accounts', 'Accounts');
  await hands.press(button('Sign out'));
  await hands.press(button('Sign out', dialog(/^Sign out of /)));
  await tab.hears(/Signed out/);
  await tab.keepsFocus();
  await world.state('NeedsLogin');
}
