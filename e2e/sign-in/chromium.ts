/** A real browser for tests of pages: Debian's Chromium driven by playwright-core, with a security key that only exists there. */
import { existsSync } from 'node:fs';
import { type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Undefined where there is none; tests are skipped then. */
export const chromiumPath: string | undefined = [process.env['RHUMB_CHROMIUM'], ...PATHS].find(
  (path) => path !== undefined && existsSync(path),
);

export interface Tab extends AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the browser refused or a page failed with: a page that is right has none. */
  readonly complaints: readonly { readonly text: string; readonly from: string }[];
}

/** A browser of its own, with nothing remembered. */
export async function openTab(scheme: 'light' | 'dark' = 'light'): Promise<Tab> {
  if (chromiumPath === undefined) throw new Error('there is no Chromium here');
  const browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width: 1000, height: 800 } });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const complaints: Tab['complaints'][number][] = [];
  page.on('console', (message) => {
    const from = message.location().url;
    // Nobody promised an icon.
    if (message.type() === 'error' && !from.endsWith('/favicon.ico'))
      complaints.push({ text: message.text(), from });
  });
  page.on('pageerror', (error) => complaints.push({ text: error.message, from: page.url() }));
  return { page, context, complaints, [Symbol.asyncDispose]: () => browser.close() };
}

/** A device with a fingerprint sensor that always says yes, and what is on it. */
export interface SecurityKey {
  /** How many passkeys it holds. */
  count(): Promise<number>;
  /** From now on it does not know its owner any more. */
  forgetOwner(): Promise<void>;
}

export async function plugIn(page: Page): Promise<SecurityKey> {
  const cdp: CDPSession = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    count: async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials.length,
    forgetOwner: async () =>
      void (await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })),
  };
}
