/** A browser with a real clock for measuring the app's page: the scripted host of the scenes, and nothing held still. */
import { type CDPSession, chromium, type Page } from 'playwright-core';
import { snapshot } from '../e2e/scenes/builders.ts';
import { crowd } from '../e2e/scenes/networks.ts';
import { putBridge, scriptOf } from '../e2e/scenes/scripted-bridge.ts';
import { serveBundle } from '../e2e/scenes/serve.ts';
import { chromiumPath } from '../e2e/sign-in/chromium.ts';

export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  readonly cdp: CDPSession;
}

export interface BenchStage extends AsyncDisposable {
  /** `script` runs in the page before its own. */
  open(route: string, devices: number, script?: string): Promise<OpenPage>;
  /** A page of nothing but one long box that scrolls: what this machine and browser can do at best. */
  openBare(): Promise<OpenPage>;
}

const VIEW = { width: 1_280, height: 800 } as const;

const BARE = `<!doctype html><title>bare</title>
<main style="height:600px;overflow:auto"><div style="height:280000px;background:linear-gradient(red,blue)"></div></main>`;

export async function openBenchStage(): Promise<BenchStage> {
  if (chromiumPath === undefined) throw new Error('there is no Chromium here');
  const served = await serveBundle();
  const browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
  const fresh = async (): Promise<OpenPage> => {
    const context = await browser.newContext({ viewport: VIEW, locale: 'en-GB', timezoneId: 'UTC' });
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    const cdp = await context.newCDPSession(page);
    // Time that a thread worked, not time that went by: what else the machine does is not counted.
    await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
    return { page, cdp, [Symbol.asyncDispose]: () => context.close() };
  };
  return {
    open: async (route, devices, script) => {
      const opened = await fresh();
      const scene = {
        name: 'bench',
        route,
        reads: '',
        snapshot: snapshot({ devices: crowd(devices) }),
      };
      await opened.page.addInitScript(putBridge, scriptOf(scene));
      if (script !== undefined) await opened.page.addInitScript({ content: script });
      await opened.page.goto(`${served.url}/#${route}`);
      return opened;
    },
    openBare: async () => {
      const opened = await fresh();
      await opened.page.setContent(BARE);
      return opened;
    },
    [Symbol.asyncDispose]: async () => {
      await browser.close();
      await served[Symbol.asyncDispose]();
    },
  };
}
