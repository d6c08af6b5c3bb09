/** The app's real page on a stock tailscaled: what that daemon can, the page does; what it can't, the page doesn't show. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mouseHands } from '../app/hands.ts';
import { Tab } from '../app/tab.ts';
import { button, field, link, menuItem, row, search, tab as tabNamed, thing, toggle } from '../app/thing.ts';
import { browserOn } from '../app/world.ts';
import { Control } from '../lab/control.ts';
import { Daemon } from '../lab/daemon.ts';
import type { Host } from '../lab/host.ts';
import { Lab } from '../lab/lab.ts';
import { until } from '../lab/wait.ts';
import { BUNDLE } from '../scenes/serve.ts';
import { chromiumPath } from '../sign-in/chromium.ts';
import { Official } from './official.ts';
import { whyNoInterop } from './programs.ts';

const PROGRAM = join(import.meta.dirname, '../lab/programs/app-page.ts');
const sections = thing('navigation')('Sections');

async function serve(host: Host, socket: string): Promise<string> {
  const argv = [process.execPath, PROGRAM, socket, BUNDLE];
  const program = host.spawn({ name: 'page', argv });
  return await until('the page to be served', () => /http:\S+/.exec(program.output)?.[0]);
}

test('the page drives a stock tailscaled', { timeout: 240_000 }, async ({ skip, onTestFailed }) => {
  const reason =
    chromiumPath === undefined ? 'there is no Chromium' : whyNoInterop('tailscaled', 'tailscale');
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  onTestFailed(() => console.error(lab.report()));
  const lan = await lab.addSwitch('lan');
  const control = await Control.start(await lab.addHost('control', { on: [lan] }));
  const authKey = await control.authKey({ reusable: true });
  const harbour = await Daemon.start(await lab.addHost('harbour', { on: [lan] }));
  await harbour.join({ server: control.url, authKey });
  await harbour.host.exec(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  await harbour.cli(['set', '--advertise-exit-node', '--advertise-routes=10.66.0.0/16']);
  await until('its routes to be approved', async () => {
    const tried = await control.tryCli(
      'nodes',
      'approve-routes',
      'harbour',
      '--add',
      '0.0.0.0/0,::/0,10.66.0.0/16',
    );
    return tried.code === 0;
  });
  const host = await lab.addHost('desk', { on: [lan] });
  const official = await Official.start(host);
  const url = await serve(host, official.socket);
  await using browser = {
    it: await browserOn(host),
    [Symbol.asyncDispose]: async () => await browser.it.close(),
  };
  await using tab = await Tab.open(browser.it, url);
  const { page } = tab;
  const hands = mouseHands(page);
  const prefs = async (name: string): Promise<unknown> => {
    const { stdout } = await official.cli(['debug', 'prefs']);
    return (JSON.parse(stdout) as Record<string, unknown>)[name];
  };
  const goTo = async (section: string, heading: string | RegExp = section): Promise<void> => {
    await hands.press(link(section, sections));
    await tab.shows(heading, section);
  };
  const absent = async (...things: readonly Parameters<typeof hands.press>[0][]): Promise<void> => {
    for (const { role, name } of things)
      expect(await page.getByRole(role, { name }).count(), String(name)).toBe(0);
  };

  // Signing in at our own server, by key.
  await tab.shows('Sign in to join a network', 'Home');
  await hands.press(button('Use another server'));
  await hands.write(field('Address of the server'), control.url);
  await hands.submit(button('Check'));
  await tab.hears(/Found a control server/, 'polite');
  await hands.press(button('Use an auth key there'));
  await hands.write(field('Auth key'), authKey);
  await hands.submit(button('Sign in'));
  await tab.shows('Connected', 'Home');
  await until('the exit node to be offered', async () => (await official.peerNow('harbour'))?.ExitNodeOption);

  // Devices: found, pinged, how it is reached.
  await goTo('Devices');
  await hands.write(search('Search devices'), 'harbour');
  await hands.press(row(/^harbour/));
  await tab.shows('harbour', 'harbour');
  await hands.press(button('Start'));
  await tab.reads('Fastest');
  await hands.press(button('Stop'));

  // Official daemons don't say where they looked.
  await absent(button('What was tried?'), button('Why relayed?'));

  // The internet through another device, and straight again.
  await goTo('Exit node');
  await hands.press(row(/^harbour/, thing('rowgroup')('My network’s devices')));
  await until('the exit node to be used', async () => (await prefs('ExitNodeID')) !== '');
  await goTo('Home', 'Connected through harbour');
  await hands.press(button('Stop using'));
  await until('the exit node to be left', async () => (await prefs('ExitNodeID')) === '');
  await tab.shows('Connected', 'Home');

  // Routes: using and sharing.
  await goTo('Settings');
  await hands.press(link(/^Routing/));
  await hands.press(link(/^Subnet routes/));
  await tab.shows('Subnet routes', 'Subnet routes');
  await tab.reads('10.66.0.0/16');
  await hands.press(toggle('Use networks shared by other devices'));
  await until('routes to be used', async () => (await prefs('RouteAll')) === true);
  await hands.write(field('Network to share'), '10.99.1.0/24');
  await hands.submit(button('Add'));
  await until(
    'the route to be shared',
    async () => JSON.stringify(await prefs('AdvertiseRoutes')) === '["10.99.1.0/24"]',
  );
  await hands.press(button('Stop sharing 10.99.1.0/24'));
  await until(
    'the route to be taken back',
    async () => JSON.stringify(await prefs('AdvertiseRoutes')) !== '["10.99.1.0/24"]',
  );

  // Diagnostics: checks, the network, names, a report; and the log from now on.
  await goTo('Diagnostics');
  const tabs = await page.getByRole('tab').allInnerTexts();
  expect(tabs).toEqual(['Overview', 'Network', 'Paths', 'DNS', 'Log', 'Report']);
  for (const name of tabs) {
    await hands.press(tabNamed(name));
    await until(
      `the tab ${name} to be shown`,
      async () => (await page.getByRole('tabpanel').textContent()) !== '',
    );
    expect(await page.getByRole('alert').allInnerTexts(), name).toEqual([]);
  }

  // Accounts.
  await hands.press(button(/^Account /));
  await hands.press(menuItem('Manage accounts'));
  await tab.shows('Accounts', 'Accounts');
  await tab.reads('lab');
  await absent(link('Files', sections));
  expect(tab.complaints).toEqual([]);
});
