/** What only a real page shows: the picker by keys alone, the way round the window, and what is read out over a dialog. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath } from '../sign-in/chromium.ts';
import { SCENES } from './catalogue/all.ts';
import type { Scene } from './scene.ts';
import type { MadeCall } from './scripted-bridge.ts';
import { bundleExists } from './serve.ts';
import { openStage, type Stage } from './stage.ts';

const whyNot =
  chromiumPath === undefined
    ? 'there is no Chromium here'
    : bundleExists()
      ? undefined
      : 'the app is not built';

const LOOK = { theme: 'light', width: 1_280, height: 800 } as const;
const WHERE = `(() => {
  const at = document.activeElement;
  return (at.getAttribute('aria-label') ?? at.getAttribute('id') ?? at.textContent).trim();
})()`;

function sceneOf(name: string): Scene {
  const scene = SCENES.find((one) => one.name === name);
  if (scene === undefined) throw new Error(`there is no scene ${name}`);
  return scene;
}

let stage: Stage;

describe.skipIf(whyNot !== undefined)('hands on the keys', () => {
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(async () => stage[Symbol.asyncDispose]());

  test('an exit node is found by typing at once, and chosen while the cursor stays in the field', async () => {
    await using shown = await stage.show(sceneOf('exit-node-locations'), LOOK);
    const { page } = shown;
    await page.keyboard.type('tok');
    const field = page.getByRole('searchbox').or(page.getByRole('combobox')).first();
    expect(await field.inputValue()).toBe('tok');
    await page.getByRole('option', { name: /jp-tok-wg-002/ }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    const calls = (await page.evaluate('backstage.calls')) as readonly MadeCall[];
    expect(calls.filter(({ name }) => name === 'exitNode.set').map(({ arg }) => arg)).toEqual([
      { id: 'n-jp-tok-wg-002' },
    ]);
    await page.keyboard.press('Escape');
    expect(await field.inputValue()).toBe('');
    expect(new URL(page.url()).hash).toBe('#/exit-node');
  });

  test('places open, close and are found by their first letters, as in a tree', async () => {
    await using shown = await stage.show(sceneOf('exit-node-locations'), LOOK);
    const { page } = shown;
    await page.keyboard.press('Tab');
    expect(await page.evaluate(WHERE)).toMatch(/^None/);
    await page.keyboard.type('jap');
    expect(await page.evaluate(WHERE)).toMatch(/^Japan, 2 cities/);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    expect(await page.evaluate(WHERE)).toMatch(/^Osaka, 3 servers/);
    await page.keyboard.press('ArrowLeft');
    expect(await page.evaluate(WHERE)).toMatch(/^Japan/);
  });

  test('F6 goes round the window also while news is shown, and news is read out', async () => {
    await using shown = await stage.show(sceneOf('accounts-switch-failed'), LOOK);
    const { page } = shown;
    expect(await page.locator('[aria-live=assertive]').textContent()).toMatch(/^Still using/);
    const round: unknown[] = [];
    for (let n = 0; n < 4; n += 1) {
      await page.keyboard.press('F6');
      round.push(await page.evaluate('document.activeElement.className || document.activeElement.tagName'));
    }
    expect(new Set(round).size).toBe(3);
    expect(round[3]).toBe(round[0]);
    expect(round).toContain('toasts');
  });
});
