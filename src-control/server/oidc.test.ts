/** Signing in at a real identity provider, from the address that a machine shows to the machine's place in the network. */
import { describe, expect, test } from 'vitest';
import { ownerOf } from '../state/users.ts';
import { Browser, signInAt, type Visit } from '../testing/browser.ts';
import { CLIENT, type SignInLab, signInLab, type Waiting } from '../testing/sign-in-lab.ts';

const isCallback = (url: URL): boolean => url.pathname === '/oidc/callback';

/** To the page that asks whether the machine is theirs. */
async function signIn(browser: Browser, authUrl: string, login = 'ann'): Promise<Visit> {
  return signInAt(browser, await browser.open(authUrl), login);
}

/** To the address the provider sends the browser back to, which is not opened. */
async function callbackOf(browser: Browser, authUrl: string, login = 'ann'): Promise<string> {
  const stopped = await signInAt(browser, await browser.open(authUrl), login, isCallback);
  expect(isCallback(stopped.url)).toBe(true);
  return stopped.url.href;
}

const nobodyGotIn = (lab: SignInLab, waiting: Waiting): void => {
  expect([...lab.loop.server.network.nodes()]).toEqual([]);
  expect([...lab.loop.server.network.users()].map(({ name }) => name)).toEqual(['alice']);
  expect(waiting.machine.session.closed).toBe(false);
};

const countOf = (lab: SignInLab, what: string): number =>
  new Map<string, number>(lab.loop.server.oidc?.signIn.counts ?? []).get(what) ?? 0;

describe('a person who signs in', () => {
  test('confirms the machine, which is then theirs', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    const page = await signIn(browser, waiting.authUrl);
    expect(page.status).toBe(200);
    expect(page.url.search).toBe('');
    for (const word of ['Ann Example', 'ann@example.com', 'Test ID', 'laptop', '127.0.0.1'])
      expect(page.text).toContain(word);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.headers.get('cache-control')).toBe('no-store');
    nobodyGotIn(lab, waiting);
    const done = await browser.submit(page, { answer: 'yes' });
    expect(done.text).toContain('laptop has joined the network');
    const answer = await waiting.answer;
    expect(answer).toMatchObject({ MachineAuthorized: true, Login: { LoginName: 'ann@example.com' } });
    const { network } = lab.loop.server;
    const [node] = network.nodes();
    const user = network.user(node?.record.userId ?? 0);
    expect(node?.record.registerMethod).toBe('oidc');
    expect(user).toMatchObject({
      name: 'ann',
      displayName: 'Ann Example',
      identity: {
        issuer: lab.provider.issuer,
        subject: 'ann',
        provider: 'Test ID',
        email: 'ann@example.com',
      },
    });
    const [, listed] = await lab.loop.admin.call('users.list', {});
    expect(listed).toMatchObject({
      provider: 'Test ID',
      provider_id: `${lab.provider.issuer}/ann`,
      groups: [],
    });
    expect(lab.logged.filter((line) => line.includes(CLIENT.clientSecret))).toEqual([]);
    expect((await browser.open(page.url)).status).toBe(410);
  });

  test('gets cookies that no script and no other site can use', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    const leaving = await browser.open(waiting.authUrl, () => true);
    expect(leaving.url.searchParams.get('code_challenge_method')).toBe('S256');
    expect(leaving.url.searchParams.get('nonce')).toMatch(/^[\w-]{43}$/);
    expect(leaving.headers.get('referrer-policy')).toBe('same-origin');
    const [cookie] = leaving.headers.getSetCookie();
    expect(cookie).toMatch(
      /^rhumb-oidc-[0-9a-f]{12}=[\w-]{43}; Max-Age=900; Path=\/oidc\/callback; HttpOnly; SameSite=Lax$/,
    );
    expect(cookie).not.toContain(leaving.url.searchParams.get('state') ?? 'none');
  });

  test('gets them over the encrypted web only, where that is how the server is reached', async () => {
    await using lab = await signInLab({}, { serverUrl: 'https://vpn.example.com' });
    await using waiting = await lab.machine();
    const page = `http://${lab.loop.server.address}/register/${waiting.pendingId}`;
    const leaving = await new Browser().open(page, () => true);
    expect(leaving.url.searchParams.get('redirect_uri')).toBe('https://vpn.example.com/oidc/callback');
    expect(leaving.headers.getSetCookie()[0]).toMatch(/; HttpOnly; Secure; SameSite=Lax$/);
    expect(leaving.headers.get('strict-transport-security')).toBe('max-age=31536000');
  });

  test('finds the same user and machine when the key has ended', async () => {
    await using lab = await signInLab();
    await using first = await lab.machine();
    const browser = new Browser();
    await browser.submit(await signIn(browser, first.authUrl), { answer: 'yes' });
    await first.answer;
    lab.provider.people.set('ann', { name: 'Ann Married', email: 'new@example.com', email_verified: true });
    const before = [...lab.loop.server.network.nodes()].map(({ record }) => record);
    first.machine.newNodeKey();
    await using second = await again(first, lab);
    const page = await signIn(browser, second.authUrl);
    expect(page.text).toContain('Sign this machine in again?');
    await browser.submit(page, { answer: 'yes' });
    expect(await second.answer).toMatchObject({ MachineAuthorized: true });
    const after = [...lab.loop.server.network.nodes()].map(({ record }) => record);
    expect(after.map(({ id, ipv4 }) => [id, ipv4])).toEqual(before.map(({ id, ipv4 }) => [id, ipv4]));
    expect(lab.loop.server.network.userByIdentity(lab.provider.issuer, 'ann')).toMatchObject({
      name: 'ann',
      displayName: 'Ann Married',
      identity: { email: 'new@example.com', groups: [] },
    });
  });

  test('on a machine of somebody else adds it a second time, and takes nothing away', async () => {
    await using lab = await signInLab();
    await using first = await lab.machine();
    const ann = new Browser();
    await ann.submit(await signIn(ann, first.authUrl), { answer: 'yes' });
    await first.answer;
    // The same address and the same name, but another person.
    lab.provider.people.set('bob', {
      preferred_username: 'ann',
      email: 'ann@example.com',
      email_verified: true,
    });
    first.machine.newNodeKey();
    await using second = await again(first, lab);
    const bob = new Browser();
    await bob.submit(await signIn(bob, second.authUrl, 'bob'), { answer: 'yes' });
    await second.answer;
    const { network } = lab.loop.server;
    const owners = [...network.nodes()].map(({ record }) => ownerOf(network, record)?.identity?.subject);
    expect(owners).toEqual(['ann', 'bob']);
    const names = [...network.users()].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  test('may not be known to the machine: it is turned away', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    const page = await signIn(browser, waiting.authUrl);
    expect((await browser.submit(page, { answer: 'no' })).text).toContain('turned away');
    expect((await waiting.answer).Error).toMatch(/does not know this machine/);
    nobodyGotIn(lab, waiting);
  });

  test('may say no at the provider', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    const login = await browser.open(waiting.authUrl);
    const page = await browser.open(`${login.url.href}/abort`);
    expect(page.status).toBe(403);
    expect(page.text).toContain('or you cancelled it there');
    expect(page.text).toContain(`/register/${waiting.pendingId}?with=code`);
    nobodyGotIn(lab, waiting);
  });

  test('among several providers chooses one, also while another is away', async () => {
    const away = { id: 'away', name: 'Away <ID>', issuer: 'http://127.0.0.1:1', ...CLIENT };
    await using lab = await signInLab({}, { more: [away] });
    await using waiting = await lab.machine();
    const browser = new Browser();
    const choice = await browser.open(waiting.authUrl);
    expect(choice.text).toContain('Away &lt;ID&gt;');
    const [first = '', second = '', code = ''] = [...choice.text.matchAll(/href="([^"]*)"/g)].map(
      ([, href]) => href,
    );
    const status = await lab.loop.admin.call('oidc.status', {});
    expect(status.providers).toMatchObject([
      { id: 'test', ready: true, problem: null },
      { id: 'away', ready: false, problem: expect.stringContaining('does not answer') },
    ]);
    const none = await browser.open(new URL(second, choice.url));
    expect(none.status).toBe(503);
    expect(none.text).toContain('be reached at the moment');
    expect((await browser.open(new URL(code, choice.url))).text).toContain('One-time code');
    const page = await signInAt(browser, await browser.open(new URL(first, choice.url)), 'ann');
    await browser.submit(page, { answer: 'yes' });
    expect(await waiting.answer).toMatchObject({ MachineAuthorized: true });
  });
});

const again = async (first: Waiting, lab: SignInLab): Promise<Waiting> => {
  const { AuthURL: authUrl = '' } = await first.machine.register({ hostname: 'laptop' });
  expect(authUrl).toMatch(lab.loop.url);
  const answer = first.machine.register({ hostname: 'laptop', followup: authUrl });
  answer.catch(() => undefined);
  return {
    ...{ machine: first.machine, authUrl, answer, pendingId: authUrl.slice(authUrl.lastIndexOf('/') + 1) },
    [Symbol.asyncDispose]: async () => undefined,
  };
};

describe('a callback', () => {
  test('works once', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    const callback = await callbackOf(browser, waiting.authUrl);
    const [one, two] = await Promise.all([browser.open(callback), browser.open(callback)]);
    expect([one.status, two.status].sort()).toEqual([200, 410]);
    expect((await browser.open(callback)).status).toBe(410);
    expect(countOf(lab, 'over')).toBe(2);
  });

  test.each([
    ['without a state', (url: URL) => url.searchParams.delete('state'), 400],
    ['with two states', (url: URL) => url.searchParams.append('state', 'x'), 400],
    ['with a state that was never given', (url: URL) => url.searchParams.set('state', 'x'.repeat(43)), 410],
    ['with a huge state', (url: URL) => url.searchParams.set('state', 'x'.repeat(8_000)), 410],
    ['with a code that was never given', (url: URL) => url.searchParams.set('code', 'stolen'), 400],
    ['with two codes', (url: URL) => url.searchParams.append('code', 'x'), 403],
    ['of another issuer', (url: URL) => url.searchParams.set('iss', 'https://evil.example'), 403],
    ['with an error of its own making', (url: URL) => url.searchParams.set('error', '<b>x</b>'), 502],
  ])('%s lets nobody in', async (_what, forge, status) => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    const url = new URL(await callbackOf(browser, waiting.authUrl));
    forge(url);
    const page = await browser.open(url);
    expect(page.status).toBe(status);
    expect(page.text).not.toContain('<b>x</b>');
    nobodyGotIn(lab, waiting);
  });

  test('in another browser lets nobody in, and does not spoil the real one', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    const callback = await callbackOf(browser, waiting.authUrl);
    const stolen = await new Browser().open(callback);
    expect([stolen.status, countOf(lab, 'other-browser')]).toEqual([403, 1]);
    nobodyGotIn(lab, waiting);
    expect((await browser.open(callback)).status).toBe(200);
  });

  test('with a token that has another nonce lets nobody in', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    const { url } = await browser.open(waiting.authUrl, () => true);
    url.searchParams.set('nonce', 'of-another-sign-in');
    const page = await signInAt(browser, await browser.open(url), 'ann');
    expect([page.status, countOf(lab, 'bad-answer')]).toEqual([403, 1]);
    expect(page.text).toContain('nothing was let in');
    nobodyGotIn(lab, waiting);
  });

  test('with the code of another sign-in lets nobody in', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const [mine, theirs] = [new Browser(), new Browser()];
    const own = new URL(await callbackOf(mine, waiting.authUrl));
    const stolen = new URL(await callbackOf(theirs, waiting.authUrl));
    own.searchParams.set('code', stolen.searchParams.get('code') ?? '');
    expect((await mine.open(own)).status).toBe(400);
    expect(countOf(lab, 'grant-refused')).toBe(1);
    nobodyGotIn(lab, waiting);
  });

  test('after a quarter of an hour is too late, whatever the wall clock says', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    const callback = await callbackOf(browser, waiting.authUrl);
    lab.clock.wallMs = -86_400_000;
    lab.clock.monotonicMs = 15 * 60_000;
    expect((await browser.open(callback)).status).toBe(410);
    nobodyGotIn(lab, waiting);
  });

  test('does not care for a wall clock that jumps', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    const callback = await callbackOf(browser, waiting.authUrl);
    lab.clock.wallMs = 86_400_000;
    const page = await browser.open(callback);
    await browser.submit(page, { answer: 'yes' });
    expect(await waiting.answer).toMatchObject({ MachineAuthorized: true });
  });

  test('for a machine that was let in meanwhile adds nothing', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    const callback = await callbackOf(browser, waiting.authUrl);
    await lab.loop.admin.call('nodes.approve', { request: waiting.pendingId, user: 'alice' });
    expect((await browser.open(callback)).status).toBe(410);
    expect([...lab.loop.server.network.nodes()]).toHaveLength(1);
  });

  test('that is tried again and again is refused for a while', async () => {
    await using lab = await signInLab();
    const browser = new Browser();
    const url = `${lab.loop.url}/oidc/callback?code=x&state=${'y'.repeat(43)}`;
    const statuses: number[] = [];
    for (let n = 0; n < 25; n++) statuses.push((await browser.open(url)).status);
    expect(statuses.at(0)).toBe(410);
    expect(statuses.at(-1)).toBe(429);
  });
});

describe('the confirmation', () => {
  test.each([
    ['without the token of the page', (body: URLSearchParams) => body.delete('csrf'), {}],
    ['with another token', (body: URLSearchParams) => body.set('csrf', 'x'), {}],
    ['from another site', () => undefined, { 'sec-fetch-site': 'cross-site' }],
    ['from another origin', () => undefined, { origin: 'https://evil.example' }],
  ])('%s lets nobody in', async (_what, forge, headers) => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    const page = await signIn(browser, waiting.authUrl);
    const body = new URLSearchParams({ answer: 'yes', csrf: csrfOf(page) });
    forge(body);
    const cookie = browser.cookies.find((one) => one.startsWith('rhumb-confirm='))?.split(';')[0] ?? '';
    const answer = await fetch(page.url, { method: 'POST', body, headers: { cookie, ...headers } });
    expect(answer.status).toBe(400);
    nobodyGotIn(lab, waiting);
  });

  test('without the cookie lets nobody in', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const page = await signIn(new Browser(), waiting.authUrl);
    const body = new URLSearchParams({ answer: 'yes', csrf: csrfOf(page) });
    expect((await fetch(page.url, { method: 'POST', body })).status).toBe(410);
    nobodyGotIn(lab, waiting);
  });

  test('for one machine is no confirmation for another', async () => {
    await using lab = await signInLab();
    await using mine = await lab.machine();
    await using theirs = await lab.machine();
    const browser = new Browser();
    const page = await signIn(browser, mine.authUrl);
    const cookie = browser.cookies.find((one) => one.startsWith('rhumb-confirm='))?.split(';')[0] ?? '';
    const body = new URLSearchParams({ answer: 'yes', csrf: csrfOf(page) });
    const url = `${lab.loop.url}/register/confirm/${theirs.pendingId}`;
    expect((await fetch(url, { method: 'POST', body, headers: { cookie } })).status).toBe(410);
    nobodyGotIn(lab, theirs);
  });

  test('counts once, however often it is sent', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    const page = await signIn(browser, waiting.authUrl);
    const answers = await Promise.all([1, 2, 3].map(() => browser.submit(page, { answer: 'yes' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410]);
    expect([...lab.loop.server.network.nodes()]).toHaveLength(1);
  });
});

const csrfOf = (page: Visit): string => /name="csrf" value="([^"]*)"/.exec(page.text)?.[1] ?? '';

describe('who may join', () => {
  test.each([
    ['of another domain', { allowedDomains: ['corp.example'] }, {}, 'no domain that may join', 'domain'],
    ['who is not listed', { allowedUsers: ['boss@example.com'] }, {}, 'not among those', 'user'],
    [
      'of no such group',
      { allowedGroups: ['ops'], scopes: ['openid', 'groups'] },
      {},
      'in no group',
      'group',
    ],
    [
      'with an unverified address',
      { allowedDomains: ['example.com'] },
      { email_verified: false },
      'has not verified your e-mail',
      'unverified-email',
    ],
    ['without an address', { allowedDomains: ['example.com'] }, { email: '' }, 'tells no e-mail', 'no-email'],
  ])('nobody %s, and the page says why', async (_what, settings, claims, text, counted) => {
    await using lab = await signInLab(settings);
    await using waiting = await lab.machine();
    lab.provider.people.set('ann', {
      email: 'ann@example.com',
      email_verified: true,
      groups: ['staff'],
      ...claims,
    });
    const page = await signIn(new Browser(), waiting.authUrl);
    expect(page.status).toBe(403);
    expect(page.text).toContain(text);
    expect(countOf(lab, counted)).toBe(1);
    expect(lab.logged.some((line) => line.includes('"oidc.refused"') && line.includes(counted))).toBe(true);
    nobodyGotIn(lab, waiting);
  });

  test('somebody else at the same browser, once the first was refused', async () => {
    await using lab = await signInLab({ allowedUsers: ['bob@example.com'] });
    await using waiting = await lab.machine();
    lab.provider.people.set('bob', { email: 'bob@example.com', email_verified: true });
    const browser = new Browser();
    const refused = await signIn(browser, waiting.authUrl);
    const href = /href="([^"]*as=other)"/.exec(refused.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const page = await signIn(browser, new URL(href, lab.loop.url).href, 'bob');
    await browser.submit(page, { answer: 'yes' });
    expect(await waiting.answer).toMatchObject({ Login: { LoginName: 'bob@example.com' } });
  });

  test('whoever passes every list', async () => {
    await using lab = await signInLab({
      allowedDomains: ['EXAMPLE.com'],
      allowedUsers: ['ann@example.com'],
      allowedGroups: ['ops', 'staff'],
      scopes: ['openid', 'email', 'groups'],
    });
    await using waiting = await lab.machine();
    const browser = new Browser();
    await browser.submit(await signIn(browser, waiting.authUrl), { answer: 'yes' });
    expect(await waiting.answer).toMatchObject({ MachineAuthorized: true });
    const user = lab.loop.server.network.userByIdentity(lab.provider.issuer, 'ann');
    expect(user?.identity?.groups).toEqual(['staff']);
  });
});

test.each([
  ['the server', {}, 180 * 86_400_000],
  ['the provider in the configuration', { expiry: '2h' }, 2 * 3_600_000],
  ['nobody', { expiry: '0' }, undefined],
  ['the token', { expiry: 'token' }, 3_600_000],
])('the end of a machine’s key comes from %s', async (_what, settings, lifeMs) => {
  await using lab = await signInLab(settings);
  await using waiting = await lab.machine();
  const browser = new Browser();
  await browser.submit(await signIn(browser, waiting.authUrl), { answer: 'yes' });
  await waiting.answer;
  const [node] = lab.loop.server.network.nodes();
  const left = (node?.record.expiry ?? Number.NaN) - lab.clock.now();
  if (lifeMs === undefined) expect(node?.record.expiry).toBeUndefined();
  else expect(Math.abs(left - lifeMs)).toBeLessThan(30_000);
});

describe('a person and the users made here', () => {
  test('take each other over by address, where that is asked for', async () => {
    await using lab = await signInLab({ linkByEmail: true });
    await lab.loop.admin.call('users.create', { name: 'ann@example.com' });
    await using waiting = await lab.machine();
    const browser = new Browser();
    await browser.submit(await signIn(browser, waiting.authUrl), { answer: 'yes' });
    const { network } = lab.loop.server;
    const user = network.userByIdentity(lab.provider.issuer, 'ann');
    expect(user).toMatchObject({ name: 'ann@example.com', displayName: 'Ann Example' });
    expect([...network.users()]).toHaveLength(2);
    const [entry] = await network.auditLog({ limit: 1, action: 'link' });
    expect(entry?.entry).toMatchObject({ actor: { origin: 'oidc' }, target: { name: 'ann@example.com' } });
  });

  test('stay who they are when the provider has another address', async () => {
    await using lab = await signInLab();
    await using waiting = await lab.machine();
    const browser = new Browser();
    await browser.submit(await signIn(browser, waiting.authUrl), { answer: 'yes' });
    const { network } = lab.loop.server;
    const from = lab.provider.issuer;
    const to = 'https://id.example.com';
    const call = (over: object) =>
      lab.loop.admin.call('oidc.migrate-issuer', { from, to, dry: false, ...over });
    expect(await call({ dry: true })).toMatchObject({ users: [{ name: 'ann' }], written: false });
    expect(network.userByIdentity(to, 'ann')).toBeUndefined();
    await call({});
    expect(network.userByIdentity(to, 'ann')?.name).toBe('ann');
    expect(network.userByIdentity(from, 'ann')).toBeUndefined();
    await expect(call({})).rejects.toThrow(/no user has the issuer/);
  });

  test('wait for approval, and then for their machine again', async () => {
    await using lab = await signInLab();
    await lab.loop.admin.call('settings.set', { usersApproval: true });
    await using waiting = await lab.machine();
    const browser = new Browser();
    const refused = await browser.submit(await signIn(browser, waiting.authUrl), { answer: 'yes' });
    expect(refused.status).toBe(409);
    expect(refused.text).toContain('waits for the approval of an administrator');
    expect([...lab.loop.server.network.nodes()]).toEqual([]);
    await lab.loop.admin.call('users.approve', { user: 'ann' });
    await browser.submit(await signIn(browser, waiting.authUrl), { answer: 'yes' });
    expect(await waiting.answer).toMatchObject({ MachineAuthorized: true });
  });
});
