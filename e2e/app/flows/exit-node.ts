/** The way to the internet: choosing an exit node, what happens when it dies, and going straight again. */
import { button, link, row } from '../thing.ts';
import { arrivesAtPicker, goTo, home, openPicker, type Parts } from './parts.ts';

const PICKED = row(/^harbour/);

async function choose(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await tab.arrives('Connected', 'Home');
  const { ID = '' } = await world.device.peer('harbour', ({ Online }) => Online === true);
  await openPicker(parts);
  await hands.press(PICKED);
  await world.preference('ExitNodeID', ID);
  await tab.hears('Connected through harbour', 'polite');
  await tab.keepsFocus();
}

export async function useExitNode(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await choose(parts);
  await goTo(parts, 'Home', 'Connected through harbour');
  await hands.press(button('Stop using'));
  await world.preference('ExitNodeID', '');
  await home(parts, 'Connected');
  await tab.hears('Connected', 'polite');
  await tab.keepsFocus();
  await hands.press(button('Use harbour again'));
  await home(parts, 'Connected through harbour');
  await hands.press(button('Stop using'));
  await world.preference('ExitNodeID', '');
  await home(parts, 'Connected');
}

/** Nothing leaks, it is said at once and in red, and there are two ways out. */
export async function loseExitNode(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await choose(parts);
  await goTo(parts, 'Home', 'Connected through harbour');
  await world.killHarbour();
  const blocked = 'Internet blocked: exit node harbour is offline';
  await tab.hears(blocked, 'assertive');
  await home(parts, blocked);
  await tab.reads('Nothing leaks: traffic waits until you choose what to do.');
  await hands.press(button('Choose another'));
  await arrivesAtPicker(parts);
  await hands.press(link('Home'));
  await tab.arrives(blocked, 'Home');
  await hands.press(button('Stop using it'));
  await world.preference('ExitNodeID', '');
  await home(parts, 'Connected');
  await tab.hears('Connected', 'polite');
  await tab.keepsFocus();
  await world.startHarbour();
}
