/** The first person of a network, in a real browser: in by the printed code, a passkey, and from then on by that alone. */
import { describe, expect, test } from 'vitest';
import { type Loopback, loopback } from '../../src-control/testing/loopback.ts';
import { freePort, waiting } from '../../src-control/testing/sign-in-lab.ts';
import { chromiumPath, openTab, plugIn, type Tab } from './chromium.ts';

const describeInBrowser = describe.skipIf(chromiumPath === undefined);
if (chromiumPath === undefined) process.stderr.write('skipped: sign-in by passkey needs Chromium\n');

interface Site extends AsyncDisposable {
  readonly loop: Loopback;
  readonly url: string;
}

/** A server that nobody has used yet, under a name for which browsers make passkeys. */
async function freshSite(): Promise<Site> {
  const port = await freePort();
  const url = `http://localhost:${port}`;
  const loop = await loopback({
    config: { listen: { host: '127.0.0.1', port }, serverUrl: url },
    users: 'none',
  });
  return { loop, url, [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose]() };
}

async function setUp({ page }: Tab, { loop, url }: Site): Promise<void> {
  await page.goto(`${url}/login`);
  await page.getByRole('link', { name: 'Set it up' }).click();
  await page.getByLabel('Your user name').fill('ann');
  await page.getByLabel('Setup code').fill((loop.server.setupCode ?? '').toLowerCase());
  await page.getByRole('button', { name: 'Become owner' }).click();
  await page.waitForURL(/\/account/);
}

async function addPasskey({ page }: Tab, name: string): Promise<void> {
  await page.getByLabel('Name of a new one').fill(name);
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByText(name, { exact: true }).first().waitFor();
}

describeInBrowser('the first person of a network', () => {
  test('becomes owner by the printed code, makes a passkey and comes back with it', async () => {
    await using site = await freshSite();
    await using tab = await openTab();
    const { page } = tab;
    const key = await plugIn(page);
    await setUp(tab, site);
    const { network } = site.loop.server;
    expect([...network.users()]).toMatchObject([{ name: 'ann', role: 'owner' }]);
    await addPasskey(tab, 'My laptop');
    expect(await key.count()).toBe(1);
    expect([...network.passkeys.values()]).toMatchObject([{ name: 'My laptop', userId: 1 }]);

    await page.getByRole('button', { name: 'Sign out' }).last().click();
    await page.waitForURL(/\/login/);
    expect(network.sessions.size).toBe(0);
    await page.goto(`${site.url}/login?next=/account`);
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.waitForURL(({ pathname }) => pathname === '/account');
    expect(await page.textContent('main')).toContain('owner of this network');
    expect([...network.passkeys.values()][0]?.lastUsedAt).toBeDefined();
    const audit = await network.auditLog({ limit: 20 });
    expect(audit.map(({ entry }) => `${entry.action} ${entry.target.type}`).reverse()).toEqual([
      'create user',
      'login user',
      'create passkey',
      'logout session',
      'login user',
    ]);
    expect(tab.complaints).toEqual([]);
  });

  test('lets a machine in with the passkey, on the page that the machine shows', async () => {
    await using site = await freshSite();
    await using tab = await openTab();
    const { page } = tab;
    await plugIn(page);
    await setUp(tab, site);
    await addPasskey(tab, 'Key');
    await page.getByRole('button', { name: 'Sign out' }).last().click();
    await page.waitForURL(/\/login/);
    await using machine = await waiting(`http://${site.loop.server.address}`);
    await page.goto(machine.authUrl);
    await page.getByRole('link', { name: 'Sign in with a passkey' }).click();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByRole('heading', { name: 'Add this machine to your network?' }).waitFor();
    expect(await page.textContent('main')).toContain('ann');
    expect([...site.loop.server.network.nodes()]).toEqual([]);
    await page.getByRole('button', { name: 'Add this machine' }).click();
    await page.getByText('laptop has joined the network').waitFor();
    expect(await machine.answer).toMatchObject({ MachineAuthorized: true });
    const [node] = site.loop.server.network.nodes();
    expect(node?.record).toMatchObject({ registerMethod: 'passkey', userId: 1 });
    expect(tab.complaints).toEqual([]);
  });

  test('does not come in with a device that does not know its owner', async () => {
    await using site = await freshSite();
    await using tab = await openTab();
    const { page } = tab;
    const key = await plugIn(page);
    await setUp(tab, site);
    await addPasskey(tab, 'Key');
    await page.getByRole('button', { name: 'Sign out' }).last().click();
    await key.forgetOwner();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByText('Nothing happened').waitFor();
    expect(site.loop.server.network.sessions.size).toBe(0);
  });

  test('has several passkeys, names them, and keeps the last', async () => {
    await using site = await freshSite();
    await using tab = await openTab();
    const { page } = tab;
    await plugIn(page);
    await setUp(tab, site);
    await addPasskey(tab, 'One');
    // The same device refuses to make a second for the same person.
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByText('a passkey for you on this device already').waitFor();
    await page.getByLabel('Name of One').fill('Desk <b>key</b>');
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByText('Desk <b>key</b>').first().waitFor();
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('this is your last passkey').waitFor();
    expect(site.loop.server.network.passkeys.size).toBe(1);
  });
});
