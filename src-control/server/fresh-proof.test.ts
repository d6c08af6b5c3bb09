/** A proof at a provider is fresh when the provider was told to ask: a browser that somebody left open proves nothing. */
import { expect, test } from 'vitest';
import { Browser, signInAt } from '../testing/browser.ts';
import { signInLab } from '../testing/sign-in-lab.ts';

test('who is still signed in at the provider has proved nothing anew', async () => {
  await using lab = await signInLab();
  const { network } = lab.loop.server;
  const browser = new Browser();
  const enter = async (query: string): Promise<number> => {
    const begun = Date.now();
    const page = await browser.open(`${lab.loop.url}/login/oidc/test?next=/account${query}`);
    if (page.url.pathname !== '/account') await signInAt(browser, page, 'ann');
    const [session] = [...network.sessions.values()].sort((a, b) => b.id - a.id);
    if (session === undefined) throw new Error('nobody is signed in');
    return session.authAt - begun;
  };
  await enter('');
  expect(await enter('')).toBeLessThan(-3_600_000);
  expect(await enter('&as=other')).toBeGreaterThanOrEqual(0);
});
