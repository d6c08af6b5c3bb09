/** Signing in at a real identity provider with a real browser: the machine's page, the console, and what must not work. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { type SignInLab, signInLab } from '../../src-control/testing/sign-in-lab.ts';
import { chromiumPath, openTab, type Tab } from './chromium.ts';

const describeInBrowser = describe.skipIf(chromiumPath === undefined);
if (chromiumPath === undefined) process.stderr.write('skipped: sign-in at a provider needs Chromium\n');

const GROUPS = { scopes: ['openid', 'profile', 'email', 'groups'] };

/** Through the provider's own pages; ends when the browser is back. */
async function passProvider(page: Page, origin: string, login = 'ann'): Promise<void> {
  await answerProvider(page, login);
  await page.waitForURL((url) => url.origin === origin);
}

async function answerProvider(page: Page, login: string): Promise<void> {
  await page.getByPlaceholder('Enter any login').fill(login);
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

const originOf = (lab: SignInLab): string => `http://${lab.loop.server.address}`;

/** The address that the provider sends the browser back to, caught before it is opened. */
async function caughtCallback({ page, context }: Tab, start: string): Promise<string> {
  const cdp = await context.newCDPSession(page);
  const caught = Promise.withResolvers<string>();
  cdp.on('Fetch.requestPaused', ({ requestId, request }) => {
    caught.resolve(request.url);
    cdp.send('Fetch.failRequest', { requestId, errorReason: 'Aborted' }).catch(caught.reject);
  });
  // Playwright's own routes don't see what a redirect leads to.
  await cdp.send('Fetch.enable', { patterns: [{ urlPattern: '*/oidc/callback*' }] });
  await page.goto(start);
  await answerProvider(page, 'ann');
  const url = await caught.promise;
  await cdp.send('Fetch.disable');
  return url;
}

describeInBrowser('a machine’s page', () => {
  test('is confirmed after the sign-in, once', async () => {
    await using lab = await signInLab(GROUPS);
    await using machine = await lab.machine();
    await using tab = await openTab();
    const { page } = tab;
    await page.goto(machine.authUrl);
    await passProvider(page, originOf(lab));
    await page.getByRole('heading', { name: 'Add this machine to your network?' }).waitFor();
    expect([...lab.loop.server.network.nodes()]).toEqual([]);
    const address = page.url();
    const body = await page.locator('form').evaluate((form) => {
      const csrf = form.querySelector('input[name=csrf]');
      return `csrf=${csrf?.getAttribute('value') ?? ''}&answer=yes`;
    });
    await page.getByRole('button', { name: 'Add this machine' }).click();
    await page.getByText('laptop has joined the network').waitFor();
    expect(await machine.answer).toMatchObject({ MachineAuthorized: true });
    // The same form a second time, as by a double click or a replay.
    const again = await page.request.post(address, {
      data: body,
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: originOf(lab) },
    });
    expect(again.status()).toBe(410);
    expect([...lab.loop.server.network.nodes()]).toHaveLength(1);
    const user = lab.loop.server.network.userByIdentity(lab.provider.issuer, 'ann');
    expect(user?.identity?.groups).toEqual(['staff']);
    expect(tab.complaints.filter(({ from }) => from.startsWith(originOf(lab)))).toEqual([]);
  });

  test('keeps cookies from scripts and from other sites, and itself from frames', async () => {
    await using lab = await signInLab();
    await using machine = await lab.machine();
    await using tab = await openTab();
    const { page, context } = tab;
    const answers: { readonly url: string; readonly headers: Record<string, string> }[] = [];
    page.on('response', (answer) => {
      if (answer.url().startsWith(originOf(lab)))
        answers.push({ url: answer.url(), headers: answer.headers() });
    });
    await page.goto(machine.authUrl);
    await passProvider(page, originOf(lab));
    expect(answers.length).toBeGreaterThan(2);
    for (const { url, headers } of answers) {
      expect(headers['content-security-policy'], url).toContain("default-src 'none'");
      expect(headers['content-security-policy'], url).toContain("frame-ancestors 'none'");
      expect(headers['cache-control'], url).toBe('no-store');
      expect(headers['x-content-type-options'], url).toBe('nosniff');
      expect(headers['referrer-policy'], url).toBe('same-origin');
    }
    const cookies = await context.cookies(originOf(lab));
    const own = (await context.cookies()).filter(({ name }) => name.startsWith('rhumb-'));
    expect(own.length).toBeGreaterThan(0);
    for (const { httpOnly, sameSite } of [...cookies.filter(({ name }) => name.startsWith('rhumb-')), ...own])
      expect([httpOnly, sameSite]).not.toContain(false);
    expect(await page.evaluate('document.cookie')).not.toContain('rhumb-');
  });

  test('takes no callback that was stolen, replayed, changed or made up', async () => {
    await using lab = await signInLab();
    await using machine = await lab.machine();
    await using ann = await openTab();
    await using thief = await openTab();
    const callback = await caughtCallback(ann, machine.authUrl);
    const stolen = await thief.page.goto(callback);
    expect(stolen?.status()).toBe(403);
    expect(await thief.page.textContent('main')).toContain('started in another browser');
    for (const change of [
      (url: URL) => url.searchParams.set('state', 'made-up'),
      (url: URL) => url.searchParams.delete('state'),
      (url: URL) => url.searchParams.append('state', 'twice'),
    ]) {
      const url = new URL(callback);
      change(url);
      const answer = await ann.page.goto(url.href);
      expect(answer?.status()).toBeGreaterThanOrEqual(400);
    }
    // None of it used up the real one.
    await ann.page.goto(callback);
    await ann.page.getByRole('heading', { name: 'Add this machine to your network?' }).waitFor();
    const replayed = await ann.page.goto(callback);
    expect(replayed?.status()).toBe(410);
    expect([...lab.loop.server.network.nodes()]).toEqual([]);
  });
});

describeInBrowser('the console', () => {
  test('is entered by the provider, with the role that its groups give, and left for good when the provider says so', async () => {
    await using lab = await signInLab({
      scopes: [...GROUPS.scopes, 'offline_access'],
      roles: { admin: ['staff'] },
      refresh: { every: '1m' },
    });
    await using tab = await openTab();
    const { page, context } = tab;
    const origin = originOf(lab);
    await page.goto(`${origin}/login?next=//evil.example/`);
    await page.getByRole('link', { name: 'Continue with Test ID' }).click();
    await passProvider(page, origin);
    expect(page.url().startsWith(`${origin}/admin`)).toBe(true);
    const { network } = lab.loop.server;
    const user = network.userByIdentity(lab.provider.issuer, 'ann');
    expect(user).toMatchObject({ role: 'admin', name: 'ann' });
    const session = (await context.cookies()).find(({ name }) => name === 'rhumb-session');
    expect(session).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/' });
    expect(network.sessions.size).toBe(1);
    await page.goto(`${origin}/account`);
    expect(await page.textContent('main')).toContain('admin of this network');

    lab.provider.people.delete('ann');
    lab.clock.wallMs += 120_000;
    lab.loop.server.oidc?.grants.look();
    await lab.loop.server.oidc?.grants.idle();
    expect(network.userByIdentity(lab.provider.issuer, 'ann')).toMatchObject({ suspendedBy: 'provider' });
    expect(network.sessions.size).toBe(0);
    await page.goto(`${origin}/account`);
    expect(new URL(page.url()).pathname).toBe('/login');
  });

  test('is not entered by somebody who waits for approval or is suspended', async () => {
    await using lab = await signInLab();
    await lab.loop.admin.call('settings.set', { usersApproval: true });
    await using tab = await openTab();
    const { page } = tab;
    const origin = originOf(lab);
    await page.goto(`${origin}/login/oidc/test`);
    await passProvider(page, origin);
    await page.getByRole('heading', { name: 'An administrator must approve you first' }).waitFor();
    expect(lab.loop.server.network.sessions.size).toBe(0);
    await lab.loop.admin.call('users.approve', { user: 'ann' });
    await page.goto(`${origin}/login/oidc/test`);
    await page.waitForURL(/\/admin/);
    await lab.loop.admin.call('users.suspend', { user: 'ann' });
    expect(lab.loop.server.network.sessions.size).toBe(0);
    await page.goto(`${origin}/login/oidc/test?next=/account`);
    await page.getByText('An administrator has suspended you').waitFor();
    expect(lab.loop.server.network.userByName('ann')).toMatchObject({ suspendedBy: 'admin' });
  });
});
