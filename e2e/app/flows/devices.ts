/** Other devices: finding one, taking its address along, how it is reached and why not better. */
import { expect } from 'vitest';
import { button, row, search } from '../thing.ts';
import { goTo, type Parts } from './parts.ts';

async function openIsland(parts: Parts): Promise<void> {
  const { tab, hands } = parts;
  await goTo(parts, 'Devices');
  await hands.write(search('Search devices'), 'island');
  await tab.hears('1 device', 'polite');
  await hands.press(row(/^island/));
  await tab.arrives('island', 'island');
}

export async function copyAddress(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  const { TailscaleIPs: [address = ''] = [] } = await world.device.peer('island');
  await openIsland(parts);
  await hands.press(button(`Copy ${address}`));
  await tab.hears(`Copied ${address}`);
  expect(await tab.page.evaluate('navigator.clipboard.readText()')).toBe(address);
  await tab.keepsFocus();
}

export async function readWhyRelayed(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await world.letIslandOut(false);
  await world.reachIsland('relay');
  await openIsland(parts);
  await tab.reads('Packets go through a relay.');
  await hands.press(button('Why relayed?'));
  await tab.reads('Where it was looked for');
  await tab.keepsFocus();
}

/** The page is left open, and shows by itself that a better way was found. */
export async function pingUntilDirect(parts: Parts): Promise<void> {
  const { tab, hands, world } = parts;
  await world.letIslandOut(false);
  await world.reachIsland('relay');
  await openIsland(parts);
  await tab.reads('Packets go through a relay.');
  await hands.press(button('Start'));
  await tab.reads('Fastest');
  await world.letIslandOut(true);
  await tab.reads('Packets go straight to the device.');
  await hands.press(button('Stop'));
  await tab.keepsFocus();
}
