/** The service that dies and comes back, a key that ends, an admin who has to say yes. */
import { expect } from 'vitest';
import { Tab } from '../tab.ts';
import { button } from '../thing.ts';
import { home, type Parts } from './parts.ts';
import { finishInBrowser } from './sign-in.ts';

/**
 * What was seen last stays, dimmed; then it says that the service doesn't answer, and what to do. Its link was for the
 * daemon that died, which alone knew its secret (desktop.md §10): who may ask for another one gets it from the new one.
 */
export async function outliveService(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await tab.arrives('Connected', 'Home');
  await world.device.process.kill();
  await home(parts, 'Reconnecting…');
  await home(parts, 'The Rhumb service doesn’t answer');
  await tab.hears('The Rhumb service doesn’t answer', 'polite');
  await tab.keepsFocus();
  await world.device.run();
  await hands.press(button('Copy rhumb web'));
  await tab.hears('Copied rhumb web', 'polite');
  await using again = await world.openTab();
  await again.arrives('Connected', 'Home');
}

/** A page that the network is shown knows who looks by the address alone, so it comes back by itself. */
export async function comeBackByItself({ world }: Pick<Parts, 'world'>): Promise<void> {
  await world.device.cli(['set', '--webclient']);
  const [address] = await world.device.addresses();
  await using tab = await Tab.open(world.browser, `http://${address}:5252/`);
  await tab.arrives('Connected', 'Home');
  await world.device.process.kill();
  await tab.shows('The Rhumb service doesn’t answer', 'Home');
  await world.device.run();
  await tab.shows('Connected', 'Home');
  await tab.hears('Connected', 'polite');
  await tab.keepsFocus();
  expect(tab.complaints).toEqual([]);
  await world.device.cli(['set', '--webclient=false']);
}

export async function renewKey(parts: Parts): Promise<void> {
  const { tab, world } = parts;
  await tab.arrives('Connected', 'Home');
  await world.expire();
  await home(parts, 'This device’s key has expired');
  await tab.hears('This device’s key has expired', 'assertive');
  await finishInBrowser(parts, button('Sign in again'));
  await home(parts, 'Connected');
  await tab.hears('Connected', 'polite');
  await tab.keepsFocus();
  await world.state('Running');
}
