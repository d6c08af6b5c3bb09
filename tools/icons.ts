/** Draws the program's icons with Chromium, from one SVG and one set of drawings: `node tools/icons.ts`; the results are in the tree. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { trayDrawing, trayDrawings } from './package/drawings.ts';
import { icoOf } from './package/ico.ts';

const ROOT = join(import.meta.dirname, '..');
const ICONS = join(ROOT, 'resources/icons');
const TRAY = join(ROOT, 'resources/tray');
const APP_SIZES = [16, 24, 32, 48, 64, 128, 256, 512] as const;
const ICO_SIZES = [16, 20, 24, 32, 48] as const;
/** In points; bars of macOS are lower than those of Linux. */
const TRAY_SIZE = { Template: 18, other: 22 } as const;

const executablePath =
  process.env['CHROMIUM_PATH'] ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));
if (executablePath === undefined)
  throw new Error('icons are drawn with Chromium: install it, or set CHROMIUM_PATH');

type Png = (svg: string, size: number) => Promise<Buffer>;

async function pngOn(browser: Browser): Promise<Png> {
  const page = await browser.newPage();
  return async (svg, size) => {
    await page.setViewportSize({ width: size, height: size });
    await page.setContent(
      `<style>*{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`,
    );
    return await page.screenshot({ omitBackground: true });
  };
}

async function drawApp(png: Png): Promise<void> {
  const svg = readFileSync(join(ROOT, 'src-renderer/app/icon.svg'), 'utf8');
  const drawn: { readonly size: number; readonly image: Buffer }[] = [];
  for (const size of APP_SIZES) drawn.push({ size, image: await png(svg, size) });
  for (const { size, image } of drawn) writeFileSync(join(ICONS, `${size}.png`), image);
  writeFileSync(join(ICONS, 'icon.ico'), icoOf(drawn.filter(({ size }) => size <= 256)));
}

async function drawTray(png: Png, name: string, svg: string, isTemplate: boolean): Promise<void> {
  const base = join(TRAY, name);
  const size = isTemplate ? TRAY_SIZE.Template : TRAY_SIZE.other;
  writeFileSync(`${base}.png`, await png(svg, size));
  writeFileSync(`${base}@2x.png`, await png(svg, size * 2));
  if (isTemplate) return;
  const images: { readonly size: number; readonly image: Buffer }[] = [];
  for (const one of ICO_SIZES) images.push({ size: one, image: await png(svg, one) });
  writeFileSync(`${base}.ico`, icoOf(images));
}

async function draw(browser: Browser): Promise<void> {
  const png = await pngOn(browser);
  mkdirSync(ICONS, { recursive: true });
  mkdirSync(TRAY, { recursive: true });
  await drawApp(png);
  for (const { icon, look, hasAttention } of trayDrawings()) {
    const name = `${icon}${hasAttention ? '-attention' : ''}${look === 'Template' ? look : `-${look}`}`;
    await drawTray(png, name, trayDrawing(icon, look, hasAttention), look === 'Template');
  }
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  await draw(browser);
} finally {
  await browser.close();
}
