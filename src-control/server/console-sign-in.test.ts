/** Signing in to the console without a browser: cookies, codes, sessions that end, and what forged requests get. */
import { describe, expect, test } from 'vitest';
import { Browser } from '../testing/browser.ts';
import { type Loopback, loopback } from '../testing/loopback.ts';
import { ShiftedClock } from '../testing/sign-in-lab.ts';

const HOUR = 3_600_000;

async function codeFor(loop: Loopback, user = 'alice', purpose: 'console' | 'machine' = 'console') {
  return (await loop.admin.call('admin-code.create', { user, purpose, expirationMs: 60_000 })).code;
}

async function signIn(loop: Loopback, browser: Browser, user = 'alice') {
  const page = await browser.open(`${loop.url}/login?next=/account`);
  return browser.submit(page, { code: await codeFor(loop, user) });
}

const csrfOf = (text: string): string => /name="csrf" value="([^"]+)"/.exec(text)?.[1] ?? '';
const cookieOf = (browser: Browser): string =>
  browser.cookies.find((one) => one.startsWith('rhumb-session='))?.split(';', 1)[0] ?? '';

const post = (url: string, cookie: string, body: string, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    redirect: 'manual',
    body,
    headers: { cookie, 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });

describe('a one-time code for the console', () => {
  test('makes the first who uses one owner, and only the first', async () => {
    await using loop = await loopback();
    await loop.admin.call('users.create', { name: 'bob' });
    expect((await signIn(loop, new Browser())).text).toContain('owner of this network');
    expect((await signIn(loop, new Browser(), 'bob')).text).toContain('member of this network');
    expect(loop.server.network.userByName('alice')?.role).toBe('owner');
    expect(loop.server.network.userByName('bob')?.role).toBe('member');
  });

  test('works once, and one that was made for a machine works not at all', async () => {
    await using loop = await loopback();
    const browser = new Browser();
    const page = await browser.open(`${loop.url}/login`);
    const machine = await browser.submit(page, { code: await codeFor(loop, 'alice', 'machine') });
    expect(machine.status).toBe(400);
    expect(machine.text).toContain('does not sign anybody in');
    const code = await codeFor(loop);
    await browser.submit(page, { code });
    const again = await new Browser().open(`${loop.url}/login`);
    expect((await new Browser().submit(again, { code })).status).toBe(400);
    expect(loop.server.network.sessions.size).toBe(1);
  });

  test('is guessed only so often from one place, and the log says so', async () => {
    await using loop = await loopback();
    const browser = new Browser();
    const statuses: number[] = [];
    for (let n = 0; n < 12; n++) {
      const page = await browser.open(`${loop.url}/login`);
      statuses.push((await browser.submit(page, { code: `ABCD-EFGH-JKMN-PQ${n + 10}` })).status);
    }
    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 400));
    expect(statuses.at(-1)).toBe(429);
    await loop.server.network.settled();
    const rows = await loop.server.network.auditLog({ limit: 50, action: 'login-refused' });
    expect(rows.length).toBe(3);
  });

  test('does not sign in a user who is suspended', async () => {
    await using loop = await loopback();
    await signIn(loop, new Browser());
    await loop.admin.call('users.create', { name: 'bob' });
    await loop.admin.call('users.suspend', { user: 'bob' });
    expect((await signIn(loop, new Browser(), 'bob')).text).toContain('suspended by an administrator');
  });
});

describe('a session', () => {
  test('is a cookie for this host only, and over https for https only', async () => {
    await using plain = await loopback();
    const browser = new Browser();
    await signIn(plain, browser);
    const cookie = browser.cookies.find((one) => one.startsWith('rhumb-session='));
    expect(cookie).toMatch(/^rhumb-session=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/);

    await using tls = await loopback({ config: { serverUrl: 'https://vpn.example.com' } });
    const other = new Browser();
    const page = await other.open(`http://${tls.server.address}/login`);
    await other.submit(page, { code: await codeFor(tls) }, () => true);
    expect(other.cookies.find((one) => one.startsWith('__Host-rhumb-session='))).toMatch(
      /; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    expect([...tls.server.network.sessions.values()][0]?.idHash).toHaveLength(32);
  });

  test('is replaced by the next sign-in of the same browser', async () => {
    await using loop = await loopback();
    const browser = new Browser();
    await signIn(loop, browser);
    const old = cookieOf(browser);
    const page = await browser.open(`${loop.url}/login?again=1&next=/account`);
    await browser.submit(page, { code: await codeFor(loop) });
    expect(cookieOf(browser)).not.toBe(old);
    expect(loop.server.network.sessions.size).toBe(1);
    const answer = await fetch(`${loop.url}/account`, { headers: { cookie: old }, redirect: 'manual' });
    expect(answer.headers.get('location')).toBe('/login?next=%2Faccount');
  });

  test('ends after 8 hours without use, and after a week in any case', async () => {
    const clock = new ShiftedClock();
    await using loop = await loopback({ clock });
    const browser = new Browser();
    await signIn(loop, browser);
    for (let day = 0; day < 23; day++) {
      clock.wallMs += 7 * HOUR;
      const open = await browser.open(`${loop.url}/account`);
      expect(open.url.pathname).toBe('/account');
    }
    clock.wallMs += 7 * HOUR;
    expect((await browser.open(`${loop.url}/account`)).url.pathname).toBe('/login');
    await signIn(loop, browser);
    clock.wallMs += 8 * HOUR;
    expect((await browser.open(`${loop.url}/account`)).url.pathname).toBe('/login');
  });

  test('ends when its user gets another role or is suspended', async () => {
    await using loop = await loopback();
    await signIn(loop, new Browser());
    await loop.admin.call('users.create', { name: 'bob' });
    const browser = new Browser();
    await signIn(loop, browser, 'bob');
    await loop.admin.call('users.role', { user: 'bob', role: 'auditor' });
    expect((await browser.open(`${loop.url}/account`)).url.pathname).toBe('/login');
    await signIn(loop, browser, 'bob');
    await loop.admin.call('users.suspend', { user: 'bob' });
    expect((await browser.open(`${loop.url}/account`)).url.pathname).toBe('/login');
  });

  test('can be ended from another browser of the same user, not from anybody else’s', async () => {
    await using loop = await loopback();
    await loop.admin.call('users.create', { name: 'bob' });
    const [one, two, bob] = [new Browser(), new Browser(), new Browser()];
    await signIn(loop, one);
    const page = await signIn(loop, two);
    const theirs = await signIn(loop, bob, 'bob');
    const [first] = loop.server.network.sessions.values();
    await post(`${loop.url}/account/sessions/${first?.id}`, cookieOf(bob), `csrf=${csrfOf(theirs.text)}`);
    expect(loop.server.network.sessions.size).toBe(3);
    await post(`${loop.url}/account/sessions/${first?.id}`, cookieOf(two), `csrf=${csrfOf(page.text)}`);
    expect((await one.open(`${loop.url}/account`)).url.pathname).toBe('/login');
  });
});

describe('a forged request', () => {
  test('without the token, with another session’s, or from another site changes nothing', async () => {
    await using loop = await loopback();
    const [ann, eve] = [new Browser(), new Browser()];
    const own = csrfOf((await signIn(loop, ann)).text);
    await loop.admin.call('users.create', { name: 'eve' });
    const others = csrfOf((await signIn(loop, eve, 'eve')).text);
    const cookie = cookieOf(ann);
    const logout = `${loop.url}/logout`;
    expect((await post(logout, cookie, '')).status).toBe(403);
    expect((await post(logout, cookie, `csrf=${others}`)).status).toBe(403);
    expect((await post(logout, cookie, `csrf=${own}`, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await post(logout, cookie, `csrf=${own}`, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await post(logout, cookie, '', { 'x-csrf-token': others })).status).toBe(403);
    expect(loop.server.network.sessions.size).toBe(2);
    expect((await post(logout, cookie, '', { 'x-csrf-token': own })).status).toBe(204);
    expect(loop.server.network.sessions.size).toBe(1);
  });

  test('of another site can’t ask for or answer a passkey', async () => {
    await using loop = await loopback();
    for (const path of ['/login/passkey/ask', '/login/passkey'])
      expect((await post(`${loop.url}${path}`, '', '{}')).status).toBe(403);
    const json = { 'content-type': 'application/json' };
    expect((await post(`${loop.url}/login/passkey`, '', '{"answer":{}}', json)).status).toBe(410);
    expect((await post(`${loop.url}/account/passkeys/ask`, '', '{}', json)).status).toBe(401);
  });
});

describe('users', () => {
  test('keep an owner, whatever is asked', async () => {
    await using loop = await loopback();
    await signIn(loop, new Browser());
    for (const refused of [
      loop.admin.call('users.role', { user: 'alice', role: 'member' }),
      loop.admin.call('users.suspend', { user: 'alice' }),
      loop.admin.call('users.delete', { user: 'alice', force: true }),
    ])
      await expect(refused).rejects.toThrow(/only owner/);
  });

  test('go with everything that let them in, and not before their machines', async () => {
    await using loop = await loopback();
    const { network } = loop.server;
    await loop.admin.call('users.create', { name: 'bob' });
    await loop.admin.call('preauthkeys.create', {
      user: 'bob',
      reusable: true,
      ephemeral: false,
      expirationMs: 0,
    });
    await codeFor(loop, 'bob', 'machine');
    await signIn(loop, new Browser());
    await signIn(loop, new Browser(), 'bob');
    await loop.admin.call('users.delete', { user: 'bob' });
    expect(network.userByName('bob')).toBeUndefined();
    expect([...network.sessions.values()].map(({ userId }) => userId)).toEqual([1]);
    expect([...network.authKeys()].map(({ userId }) => userId)).toEqual([1]);
    await loop.admin.call('users.create', { name: 'bob' });
    expect(network.userByName('bob')?.id).toBe(3);
  });
});
