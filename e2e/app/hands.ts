/** Two ways of using a page: with the mouse alone, and with the keyboard alone. Text is pasted with the one and typed with the other. */
import type { Locator, Page } from 'playwright-core';

export interface Hands {
  readonly name: 'mouse' | 'keyboard';
  /** Presses a button, follows a link, flips a switch, opens a row. */
  press(target: Locator): Promise<void>;
  /** Puts the text into the field, instead of what is in it. */
  write(field: Locator, text: string): Promise<void>;
}

/** More than any page has stops. */
const MOST_STEPS = 150;

const mouse = (page: Page): Hands => ({
  name: 'mouse',
  press: (target) => target.click(),
  write: async (field, text) => {
    await field.click({ clickCount: 3 });
    await page.keyboard.insertText(text);
  },
});

/** Where the focus is, seen from the target: on it, in the same list of things that arrows move through, or elsewhere. */
/** As much of an element as is needed. */
interface Node {
  readonly ownerDocument: { readonly activeElement: Node | null };
  contains(other: Node | null): boolean;
  matches(selector: string): boolean;
  closest(selector: string): Node | null;
}

const WHERE = (target: Node): 'there' | 'beside' | 'elsewhere' => {
  const { activeElement } = target.ownerDocument;
  if (activeElement === null) return 'elsewhere';
  if (activeElement === target) return 'there';
  // A switch or a checkbox is drawn by the label around it; a row of a list is pressed as a whole.
  const isWithin =
    target.contains(activeElement) && target.matches('label, [role=row], [role=option], [role=treeitem]');
  if (isWithin) return 'there';
  const composite =
    '[role=grid], [role=treegrid], [role=tree], [role=listbox], [role=tablist], [role=menu], [role=radiogroup]';
  const around = target.closest(composite);
  return around?.contains(activeElement) === true ? 'beside' : 'elsewhere';
};

async function reach(page: Page, target: Locator): Promise<void> {
  await target.waitFor();
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const where = await target.evaluate(WHERE);
    if (where === 'there') return;
    if (where === 'elsewhere') await page.keyboard.press('Tab');
    else {
      const isRow = await target.evaluate((element) => element.closest('[role=tablist]') !== null);
      await page.keyboard.press(isRow ? 'ArrowRight' : 'ArrowDown');
    }
  }
  throw new Error(`the keyboard does not reach ${target}`);
}

const keyboard = (page: Page): Hands => ({
  name: 'keyboard',
  press: async (target) => {
    await reach(page, target);
    const isToggle = await target.evaluate((element) =>
      element.matches('input[type=checkbox], input[type=radio], [role=switch], [role=radio], label'),
    );
    await page.keyboard.press(isToggle ? 'Space' : 'Enter');
  },
  write: async (field, text) => {
    await reach(page, field);
    await page.keyboard.press('Control+a');
    await page.keyboard.type(text);
  },
});

export const HANDS = { mouse, keyboard } as const;
