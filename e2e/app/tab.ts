/** One tab of the browser with the app in it: what is on the screen, what was read out, and what went wrong. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { z } from 'zod';
import { until } from '../lab/wait.ts';

/** As much of the page's own world as the recorder needs. */
interface PageNode {
  readonly nodeType: number;
  readonly parentElement: PageNode | null;
  readonly textContent: string | null;
  closest(selector: string): PageNode | null;
  matches(selector: string): boolean;
  querySelectorAll(selector: string): Iterable<PageNode>;
  getAttribute(name: string): string | null;
}
interface Change {
  readonly target: PageNode;
  readonly addedNodes: Iterable<PageNode>;
}
interface PageWorld {
  readonly document: object;
  readonly MutationObserver: new (
    told: (changes: readonly Change[]) => void,
  ) => { observe(target: object, options: object): void };
  said: { text: string; manner: string }[];
}

/** Writes down what a screen reader would say by itself: whatever comes into a live region. Runs in the page. */
const RECORD = (): void => {
  const world = globalThis as unknown as PageWorld;
  const LIVE = '[aria-live]:not([aria-live=off]), [role=status], [role=alert], [role=log]';
  const ELEMENT = 1;
  world.said = [];
  const say = (region: PageNode, news: PageNode): void => {
    const text = (news.textContent ?? '').trim();
    const manner =
      region.getAttribute('aria-live') ?? (region.matches('[role=alert]') ? 'assertive' : 'polite');
    if (text !== '') world.said.push({ text, manner });
  };
  /** Regions that came into the page with something in them. */
  const brought = (added: PageNode): PageNode[] =>
    added.nodeType !== ELEMENT
      ? []
      : [...(added.matches(LIVE) ? [added] : []), ...added.querySelectorAll(LIVE)];
  /** In a region: the whole of it where it is read as one, else what was added. */
  const within = (region: PageNode, { target, addedNodes }: Change, whole: Set<PageNode>): void => {
    if (region.matches('[role=status], [role=alert], [aria-atomic=true]')) whole.add(region);
    else for (const news of target.nodeType === ELEMENT ? addedNodes : [target]) say(region, news);
  };
  new world.MutationObserver((changes) => {
    const whole = new Set<PageNode>();
    for (const change of changes) {
      const { target, addedNodes } = change;
      const region = (target.nodeType === ELEMENT ? target : target.parentElement)?.closest(LIVE) ?? null;
      if (region !== null) within(region, change, whole);
      else for (const added of addedNodes) for (const one of brought(added)) whole.add(one);
    }
    for (const region of whole) say(region, region);
  }).observe(world.document, { subtree: true, childList: true, characterData: true });
};

/** A socket that breaks when the daemon is killed, and a header that means nothing at an address without TLS. */
const EXPECTED = /WebSocket|Cross-Origin-Opener-Policy header has been ignored/;

const said = z.array(z.object({ text: z.string(), manner: z.string() }));
export type Manner = 'polite' | 'assertive';

const whereabouts = z.object({
  title: z.string(),
  headings: z.array(z.string()),
  /** The element that has the focus, as a word, and its text where that is short. */
  focus: z.string(),
});

const LOOK = `(() => {
  const active = document.activeElement;
  return {
    title: document.title,
    headings: [...document.querySelectorAll('h1')].map((one) => one.textContent.trim()),
    focus: active === null ? '' : \`\${active.tagName.toLowerCase()} \${(active.getAttribute('aria-label') ?? active.textContent).trim().slice(0, 80)}\`,
  };
})()`;

export class Tab implements AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts and what the security policy refused. */
  readonly complaints: string[] = [];
  #heard = 0;

  private constructor(page: Page, context: BrowserContext) {
    this.page = page;
    this.context = context;
  }

  static async open(browser: Browser, url: string): Promise<Tab> {
    const context = await browser.newContext({
      viewport: { width: 1_280, height: 800 },
      permissions: ['clipboard-read', 'clipboard-write'],
      locale: 'en-GB',
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    const tab = new Tab(page, context);
    page.on('pageerror', ({ message }) => tab.complaints.push(message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !EXPECTED.test(message.text())) tab.complaints.push(message.text());
    });
    await page.addInitScript(RECORD);
    await page.goto(url);
    return tab;
  }

  async look(): Promise<z.infer<typeof whereabouts>> {
    return whereabouts.parse(await this.page.evaluate(LOOK));
  }

  /** One h1 with this text, and the window's title says the screen and the state. */
  async shows(heading: string | RegExp, title: string | RegExp): Promise<void> {
    await this.#untilLook(`the heading ${heading} and the title ${title}`, ({ headings, title: shown }) => {
      const [only] = headings;
      const isHeading =
        typeof heading === 'string' ? only === heading : only !== undefined && heading.test(only);
      const [screen = '', , product] = shown.split(' – ');
      const isTitle = typeof title === 'string' ? screen === title : title.test(screen);
      return headings.length === 1 && isHeading && isTitle && product === 'Rhumb';
    });
  }

  /** As `shows`, and the focus is on the heading: whoever comes by ear hears where they are. */
  async arrives(heading: string | RegExp, title: string | RegExp): Promise<void> {
    await this.shows(heading, title);
    await this.focuses(/^h1 /);
  }

  /** By the kind of element and its words. */
  async focuses(what: RegExp): Promise<void> {
    await this.#untilLook(`the focus to be on ${what}`, ({ focus }) => what.test(focus));
  }

  /** The focus is on something that can be used or read, not lost at the top of the page. */
  async keepsFocus(): Promise<void> {
    await this.#untilLook('the focus to be somewhere', ({ focus }) => !/^(body|html|$)/.test(focus));
  }

  async #untilLook(what: string, isSo: (seen: z.infer<typeof whereabouts>) => boolean): Promise<void> {
    let seen: z.infer<typeof whereabouts> | undefined;
    try {
      await until(what, async () => {
        seen = await this.look();
        return isSo(seen);
      });
    } catch (error) {
      throw new Error(`${String(error)}; the page has ${JSON.stringify(seen)}`, { cause: error });
    }
  }

  /** Waits until this was read out after what was heard last. */
  async hears(wanted: string | RegExp, manner?: Manner): Promise<void> {
    let all: z.infer<typeof said> = [];
    try {
      await until(`to hear ${wanted}`, async () => {
        all = said.parse(await this.page.evaluate('said'));
        const at = all.findIndex(
          ({ text, manner: how }, index) =>
            index >= this.#heard &&
            (typeof wanted === 'string' ? text === wanted : wanted.test(text)) &&
            (manner === undefined || how === manner),
        );
        if (at < 0) return false;
        this.#heard = at + 1;
        return true;
      });
    } catch (error) {
      throw new Error(`${String(error)}; heard ${JSON.stringify(all.slice(this.#heard))}`, { cause: error });
    }
  }

  /** Everything that was read out. */
  async heard(): Promise<readonly string[]> {
    return said.parse(await this.page.evaluate('said')).map(({ text, manner }) => `${manner}: ${text}`);
  }

  /** Waits for words that are to be read, wherever they stand. */
  async reads(words: string | RegExp): Promise<void> {
    await this.page
      .getByText(words)
      .filter({ visible: true })
      .first()
      .waitFor()
      .catch(async (error: unknown) => {
        const seen = await this.page.locator('body').textContent();
        throw new Error(`${String(error)}\nThe page says:\n${seen}`, { cause: error });
      });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.context.close();
  }
}
