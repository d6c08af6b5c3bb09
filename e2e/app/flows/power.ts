/** The switch: off and on again. */
import { toggle } from '../thing.ts';
import { home, type Parts } from './parts.ts';

export async function switchOffAndOn(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await tab.arrives('Connected', 'Home');
  await hands.press(toggle('Connection'));
  await home(parts, 'Off');
  await tab.hears('Off', 'polite');
  await world.state('Stopped');
  await hands.press(toggle('Connection'));
  await home(parts, 'Connected');
  await tab.hears('Connected', 'polite');
  await world.state('Running');
}
