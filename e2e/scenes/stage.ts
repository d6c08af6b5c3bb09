/** The stage of scenes: Chromium, the served bundle, and one page for each scene in the look that is wanted. */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { chromiumPath } from '../sign-in/chromium.ts';
import { NOW } from './builders.ts';
import type { Look, Scene } from './scene.ts';
import { BROKEN_POLICY, emitting, putBridge, scriptOf } from './scripted-bridge.ts';
import { serveBundle } from './serve.ts';

export interface Shown extends AsyncDisposable {
  readonly page: Page;
  /** What the browser complained of so far: errors, warnings, refused requests, broken security policy. */
  complaints(): Promise<readonly string[]>;
}

export interface Stage extends AsyncDisposable {
  readonly browser: Browser;
  /** `script` runs in the page before its own. */
  show(scene: Scene, look: Look, script?: string): Promise<Shown>;
}

const FONTS = { '/scene/sans.woff2': 'inter', '/scene/mono.woff2': 'jetbrains-mono' } as const;

/** The fonts of pictures, from npm: the same on every machine. Empty where they are not installed. */
function fontFiles(): Readonly<Record<string, string>> {
  const require = createRequire(import.meta.url);
  const found: [string, string][] = [];
  for (const [path, name] of Object.entries(FONTS)) {
    try {
      const folder = dirname(require.resolve(`@fontsource-variable/${name}/package.json`));
      const file = join(folder, 'files', `${name}-latin-wght-normal.woff2`);
      if (existsSync(file)) found.push([path, file]);
    } catch {
      // Then the system's fonts are used.
    }
  }
  return Object.fromEntries(found);
}

const fontCss = (fonts: Readonly<Record<string, string>>): string =>
  Object.keys(fonts).length < 2
    ? ''
    : `@font-face { font-family: "Scene Sans"; src: url("/scene/sans.woff2"); font-weight: 100 900 }
       @font-face { font-family: "Scene Mono"; src: url("/scene/mono.woff2"); font-weight: 100 800 }
       :root { --sans: "Scene Sans", sans-serif; --mono: "Scene Mono", monospace }`;

/** Runs in the page: adopted sheets are no business of the security policy. */
const adopting = (css: string): string => `{
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(${JSON.stringify(css)});
  document.adoptedStyleSheets.push(sheet);
}`;

export async function openStage(): Promise<Stage> {
  if (chromiumPath === undefined) throw new Error('there is no Chromium here');
  const fonts = fontFiles();
  const served = await serveBundle(fonts);
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    // Text without subpixels and hints is the same on every machine.
    args: ['--no-sandbox', '--font-render-hinting=none', '--disable-lcd-text', '--force-color-profile=srgb'],
  });
  const contexts = new Map<string, Promise<BrowserContext>>();
  return {
    browser,
    show: async (scene, look, script) => {
      const { theme, contrast, width, height } = look;
      const key = `${theme} ${contrast} ${width} × ${height}`;
      const known = contexts.get(key) ?? newContext(browser, look);
      contexts.set(key, known);
      return await show(await known, { url: served.url, css: fontCss(fonts), script }, scene, look);
    },
    [Symbol.asyncDispose]: async () => {
      await browser.close();
      await served[Symbol.asyncDispose]();
    },
  };
}

const newContext = async (
  browser: Browser,
  { theme, contrast, width, height }: Look,
): Promise<BrowserContext> => {
  const context = await browser.newContext({
    // From the start: nothing is laid out for another size first.
    viewport: { width, height },
    colorScheme: theme,
    contrast: contrast ?? 'no-preference',
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
    permissions: ['clipboard-write'],
  });
  context.setDefaultTimeout(20_000);
  await context.clock.setFixedTime(NOW);
  return context;
};

/** Where a scene's words are looked for: what always stands around it says them too. */
const CONTENT = 'main, [role=dialog], [role=alertdialog], [role=menu], [role=region], .toasts';
const HEADING = 'main h1';

interface Scenery {
  readonly url: string;
  readonly css: string;
  readonly script: string | undefined;
}

async function show(
  context: BrowserContext,
  { url, css, script }: Scenery,
  scene: Scene,
  { zoom = 1, language }: Look,
): Promise<Shown> {
  const page = await context.newPage();
  const said: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') said.push(message.text());
  });
  page.on('pageerror', ({ message }) => said.push(message));
  page.on('requestfailed', (request) => said.push(`${request.url()}: ${request.failure()?.errorText}`));
  const gui = language === undefined ? scene.gui : { ...scene.gui, language };
  await page.addInitScript(putBridge, scriptOf(gui === undefined ? scene : { ...scene, gui }));
  const sheet = `${css} :root { font-size: ${100 * zoom}% !important } * { caret-color: transparent !important }`;
  await page.addInitScript({ content: adopting(sheet) });
  if (script !== undefined) await page.addInitScript({ content: script });
  await page.goto(`${url}/#${scene.route}`);
  await page.evaluate('document.fonts.ready');
  for (const event of scene.events ?? []) await page.evaluate(emitting(event));
  // Under another language the words are others, those of the steps too.
  if (language === undefined) await scene.steps?.(page);
  // A section that is loaded on demand is there when its heading is.
  await page.locator(HEADING).first().waitFor({ state: 'attached' });
  if (language === undefined)
    await page.locator(CONTENT).getByText(scene.reads).first().waitFor({ state: 'attached' });
  return {
    page,
    complaints: async () => [...said, ...((await page.evaluate(BROKEN_POLICY)) as readonly string[])],
    [Symbol.asyncDispose]: () => page.close(),
  };
}
