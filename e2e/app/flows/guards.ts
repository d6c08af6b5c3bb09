/** Who may only look, and who may not even that. */
import { expect } from 'vitest';
import { link } from '../thing.ts';
import type { World } from '../world.ts';
import { openPicker, type Parts } from './parts.ts';

/** With a link to look: everything is there to be read, nothing to be changed, and the reason is said. */
export async function lookOnly(parts: Parts): Promise<void> {
  const { tab, hands } = parts;
  await tab.arrives('Connected', 'Home');
  await tab.reads('You can look, but changes need permission.');
  const power = tab.page.getByRole('switch', { name: 'Connection' });
  expect(await power.isDisabled()).toBe(true);
  await openPicker(parts);
  await tab.reads('You can look, but changes need permission.');
  await hands.press(link('Home'));
  await tab.arrives('Connected', 'Home');
  expect(await tab.page.getByRole('button', { name: 'Stop using' }).count()).toBe(0);
}

/** A used link opens nothing more, and says how to get another. */
export async function comeTwice({ world }: Pick<Parts, 'world'>): Promise<void> {
  const url = await world.link();
  await using first = await world.openUrl(url);
  await first.arrives('Connected', 'Home');
  await using second = await world.openUrl(url);
  await second.page.getByRole('heading', { name: 'This page’s link is no longer valid' }).waitFor();
  await second.reads('rhumb web');
}

/** Files are not there yet, so nothing speaks of them. */
export async function missesFiles({ tab }: Pick<Parts, 'tab'>): Promise<void> {
  await tab.arrives('Connected', 'Home');
  const sections = tab.page.getByRole('navigation', { name: 'Sections' }).getByRole('link');
  expect(await sections.allInnerTexts()).toEqual(['Home', 'Devices', 'Exit node', 'Diagnostics', 'Settings']);
}

/** The answer to a page elsewhere that would like to speak with the daemon. */
export async function upgradeFrom(world: World, headers: Readonly<Record<string, string>>): Promise<string> {
  const { host } = new URL(await world.link());
  const all = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    Origin: `http://${host}`,
    ...headers,
  };
  const words = Object.entries(all).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const { stdout } = await world.device.host.exec(
    ['curl', '-s', '-m', '1', '-o', '/dev/null', '-w', '%{http_code}', ...words, `http://${host}/bridge`],
    { mayFail: true },
  );
  return stdout;
}
