/** Ways of using a page: with the mouse alone, with the keyboard alone, and by what a screen reader knows of it. */
import type { Locator, Page } from 'playwright-core';
import { readerHands } from './reader.ts';
import { locate, type Thing, wordsOf } from './thing.ts';

export interface Hands {
  readonly name: 'mouse' | 'keyboard' | 'screen reader';
  /** Presses a button, follows a link, flips a switch, opens a row. */
  press(what: Thing): Promise<void>;
  /** Puts the text into the field, instead of what is in it. */
  write(into: Thing, text: string): Promise<void>;
  /** Sends the form whose field was written last. */
  submit(button: Thing): Promise<void>;
}

/** More than any page has stops. */
const MOST_STEPS = 150;

export const mouseHands = (page: Page): Hands => {
  const press = async (what: Thing): Promise<void> => {
    const target = locate(page, what);
    await target.waitFor({ state: 'attached' });
    // A switch is drawn by the label around it; the input itself has no place of its own.
    const isInput = await target.evaluate((element) => element.matches('label input'));
    await (isInput ? target.locator('xpath=ancestor::label') : target).click();
  };
  return {
    name: 'mouse',
    press,
    submit: press,
    write: async (into, text) => {
      await locate(page, into).click({ clickCount: 3 });
      // As from a clipboard: a hand on the mouse types nothing.
      await page.keyboard.insertText(text);
    },
  };
};

/** As much of an element as is needed. */
interface Node {
  readonly ownerDocument: { readonly activeElement: Node | null };
  contains(other: Node | null): boolean;
  matches(selector: string): boolean;
  closest(selector: string): Node | null;
  compareDocumentPosition(other: Node): number;
}

/** Where the focus is, seen from the target: on it, before or after it in the same list that arrows move through, or elsewhere. */
const WHERE = (target: Node): 'there' | 'before' | 'after' | 'elsewhere' => {
  const { activeElement } = target.ownerDocument;
  if (activeElement === null) return 'elsewhere';
  if (activeElement === target) return 'there';
  const composite =
    '[role=grid], [role=treegrid], [role=tree], [role=listbox], [role=tablist], [role=menu], [role=radiogroup]';
  const around = target.closest(composite);
  if (around?.contains(activeElement) !== true) return 'elsewhere';
  const isFollowing = (activeElement.compareDocumentPosition(target) & 4) !== 0;
  return isFollowing ? 'before' : 'after';
};

const ARROWS = {
  before: { row: 'ArrowRight', column: 'ArrowDown' },
  after: { row: 'ArrowLeft', column: 'ArrowUp' },
} as const;

/** Whether a key moved the focus; where it does nothing, as in the head of a list, one goes on by Tab. */
async function moves(page: Page, key: string): Promise<boolean> {
  const before = await page.evaluateHandle('document.activeElement');
  await page.keyboard.press(key);
  return await before.evaluate((old) => old !== (old as Node).ownerDocument.activeElement);
}

/** From wherever the focus is, by Tab, and by arrows within a list: the keys that a person has. */
async function reach(page: Page, target: Locator, name: string): Promise<void> {
  await target.waitFor({ state: 'attached' });
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const where = await target.evaluate(WHERE);
    if (where === 'there') return;
    if (where !== 'elsewhere') {
      const isAcross = await target.evaluate((element) => element.closest('[role=tablist]') !== null);
      if (await moves(page, ARROWS[where][isAcross ? 'row' : 'column'])) continue;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`the keyboard does not reach ${name}`);
}

export const keyboardHands = (page: Page): Hands => ({
  name: 'keyboard',
  press: async (what) => {
    const target = locate(page, what);
    await reach(page, target, wordsOf(what));
    const isToggle = await target.evaluate((element) =>
      element.matches(
        'input[type=checkbox], input[type=radio], [role=switch], [role=radio], [role=checkbox]',
      ),
    );
    await page.keyboard.press(isToggle ? 'Space' : 'Enter');
  },
  write: async (into, text) => {
    await reach(page, locate(page, into), wordsOf(into));
    await page.keyboard.press('Control+a');
    await page.keyboard.type(text);
  },
  submit: () => page.keyboard.press('Enter'),
});

export const HANDS = { mouse: mouseHands, keyboard: keyboardHands, 'screen reader': readerHands } as const;
export type HandsName = keyof typeof HANDS;
