/** Networks behind devices: using one that another shares, and sharing one, from the wish to the first packet. */
import { button, field, link, toggle } from '../thing.ts';
import { FAR, NEAR } from '../world.ts';
import { goTo, type Parts } from './parts.ts';

async function openRoutes(parts: Parts): Promise<void> {
  const { tab, hands } = parts;
  await goTo(parts, 'Settings');
  await hands.press(link(/^Routing/));
  await hands.press(link(/^Subnet routes/));
  await tab.arrives('Subnet routes', 'Subnet routes');
}

export async function acceptRoutes(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  const use = toggle('Use networks shared by other devices');
  await world.device.cli(['set', '--accept-routes=false']);
  await openRoutes(parts);
  await tab.reads(FAR.network);
  await tab.reads('1 network is shared with you and not used.');
  await hands.press(use);
  await world.preference('RouteAll', true);
  await tab.reads('In use');
  await world.reaches(world.device.host, FAR.address);
  await hands.press(use);
  await world.preference('RouteAll', false);
  await tab.reads('Not used');
}

export async function shareRoutes(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await openRoutes(parts);
  // An address within the network is taken for the network, and that is said.
  await hands.write(field('Network to share'), '10.99.1.7/24');
  await tab.reads(`This becomes ${NEAR.network}.`);
  await hands.submit(button('Add'));
  await tab.hears(`This becomes ${NEAR.network}.`, 'polite');
  await tab.hears(`${NEAR.network} is shared`);
  await world.preference('AdvertiseRoutes', [NEAR.network]);
  await tab.reads('Waiting or standing by');
  await world.approve(NEAR.network);
  await tab.reads('Approved, in use');
  await world.reaches(world.harbour.host, NEAR.address);
  await hands.press(button(`Stop sharing ${NEAR.network}`));
  await tab.hears(`${NEAR.network} is not shared any more`);
  await tab.keepsFocus();
  await world.preference('AdvertiseRoutes', []);
}
