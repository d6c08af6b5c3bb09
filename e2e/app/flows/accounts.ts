/** Two accounts on one device: adding the second, which is another person's, and going back to the first. */
import { until } from '../../lab/wait.ts';
import { button, field, menuItem } from '../thing.ts';
import { accountButton, goTo, home, type Parts } from './parts.ts';
import { chooseServer } from './sign-in.ts';

async function isUsed({ world }: Parts, name: string): Promise<void> {
  await until(`the account of ${name} to be in use`, async () => {
    const { UserProfile } = await world.device.api.currentProfile(AbortSignal.timeout(5_000));
    return UserProfile.LoginName.startsWith(name);
  });
}

export async function switchAccounts(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await hands.press(accountButton());
  await hands.press(menuItem('Add an account'));
  await tab.arrives('Sign in to join a network', 'Home');
  await chooseServer(parts);
  await hands.press(button('Use an auth key there'));
  await hands.write(field('Auth key'), await world.authKey('other'));
  await hands.submit(button('Sign in'));
  await home(parts, 'Connected');
  await isUsed(parts, 'other');
  await hands.press(accountButton());
  await hands.press(menuItem('Manage accounts'));
  await tab.arrives('Accounts', 'Accounts');
  await hands.press(button(/^Switch .*lab/));
  await isUsed(parts, 'lab');
  await tab.hears('Connected', 'polite');
  await tab.keepsFocus();
  await world.state('Running');
  await goTo(parts, 'Home', 'Connected');
  await hands.press(accountButton());
  await hands.press(menuItem('Manage accounts'));
  await hands.press(button(/^Remove .*other/));
  await hands.press(button('Remove', { role: 'dialog', name: /^Remove .*other/ }));
  await tab.hears('The account was removed from this device');
  await tab.keepsFocus();
}
