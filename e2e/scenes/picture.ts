/** Pictures of scenes: taken as WebP, kept in docs/screenshots, and compared where the same browser draws them again. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { z } from 'zod';
import { ROOT } from '../lab/figures.ts';
import type { Look, Scene } from './scene.ts';

export const PICTURES = join(ROOT, 'docs/screenshots');
const MADE_WITH = join(PICTURES, 'made-with.json');
/** Of 1; letters stay sharp, and all pictures together are a few megabytes. */
const QUALITY = 0.8;
/** Of a desktop window; narrow ones are small as they are. */
const SCALE = 0.8;

export const pictureName = ({ name }: Scene, { theme, width }: Look): string =>
  `${name}-${theme}${width < 720 ? '-narrow' : ''}.webp`;

const MOST_SHOTS = 6;

/** Of a page that was just opened Chromium may give a picture of another height, its top again below: two alike in a row are true. */
async function settledPng(page: Page): Promise<Buffer> {
  const shoot = async (): Promise<Buffer> => page.screenshot({ animations: 'disabled', caret: 'hide' });
  let last = await shoot();
  for (let n = 1; n < MOST_SHOTS; n += 1) {
    const next = await shoot();
    if (next.equals(last)) return next;
    last = next;
  }
  return last;
}

/** `blank` is a page without a security policy, where the picture is made small. */
export async function takePicture(page: Page, blank: Page): Promise<Buffer> {
  const png = await settledPng(page);
  const text = await blank.evaluate(`(async () => {
    const image = new Image();
    image.src = 'data:image/png;base64,${png.toString('base64')}';
    await image.decode();
    const scale = image.width < 720 ? 1 : ${SCALE};
    const canvas = new OffscreenCanvas(Math.round(image.width * scale), Math.round(image.height * scale));
    const context = canvas.getContext('2d');
    context.imageSmoothingQuality = 'high';
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await canvas.convertToBlob({ type: 'image/webp', quality: ${QUALITY} });
    let text = '';
    for (const byte of new Uint8Array(await blob.arrayBuffer())) text += String.fromCharCode(byte);
    return btoa(text);
  })()`);
  return Buffer.from(String(text), 'base64');
}

const madeWith = z.object({ chromium: z.string() });
export const madeWithText = (browser: Browser): string =>
  `${JSON.stringify({ chromium: majorOf(browser.version()) })}\n`;
const majorOf = (version: string): string => version.split('.')[0] ?? '';

/** Another Chromium rounds corners and spaces letters in its own way: nobody could tell that from a mistake of ours. */
export function whyIncomparable(browser: Browser): string | undefined {
  if (!existsSync(MADE_WITH)) return 'there are no pictures: run `npm run screenshots`';
  const { chromium } = madeWith.parse(JSON.parse(readFileSync(MADE_WITH, 'utf8')));
  const here = majorOf(browser.version());
  return here === chromium ? undefined : `the pictures are of Chromium ${chromium}, and this is ${here}`;
}

/** Below it is the noise of compression; an edge that moved is far above. */
const VISIBLE = 40;

/** The part of the pixels that look different, from 0 to 1. */
export async function difference(blank: Page, kept: Buffer, fresh: Buffer): Promise<number> {
  const urls = [kept, fresh].map((one) => `data:image/webp;base64,${one.toString('base64')}`);
  const expression = `(async () => {
    const [a, b] = await Promise.all(${JSON.stringify(urls)}.map(async (url) => {
      const image = new Image();
      image.src = url;
      await image.decode();
      const { width, height } = image;
      const context = new OffscreenCanvas(width, height).getContext('2d');
      context.drawImage(image, 0, 0);
      return context.getImageData(0, 0, width, height);
    }));
    if (a.width !== b.width || a.height !== b.height) return 1;
    let count = 0;
    for (let at = 0; at < a.data.length; at += 4)
      if ([0, 1, 2].some((n) => Math.abs(a.data[at + n] - b.data[at + n]) > ${VISIBLE})) count += 1;
    return count / (a.width * a.height);
  })()`;
  return Number(await blank.evaluate(expression));
}
