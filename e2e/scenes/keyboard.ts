/** A walk through a page by Tab alone: everything focused can be seen, is marked as focused, and can be left again. */
import type { Page } from 'playwright-core';

const MOST_STOPS = 150;

interface Stop {
  /** The same element is the same number. */
  readonly number: number;
  readonly name: string;
  readonly isSeen: boolean;
  readonly isMarked: boolean;
  readonly isInLayer: boolean;
}

/** An expression for the page: where the focus is; null where it is nowhere. */
const WHERE = String.raw`(() => {
  const at = document.activeElement;
  if (at === null || at === document.body || at === document.documentElement) return null;
  const numbers = (globalThis.stops ??= new Map());
  if (!numbers.has(at)) numbers.set(at, numbers.size);
  const { left, top, right, bottom } = at.getBoundingClientRect();
  const ring = (one) => {
    if (one === null || one === undefined) return false;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
    return (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1.5) || (one.matches(':focus-within, [data-focus-visible], :has([data-focus-visible])') && boxShadow !== 'none');
  };
  // A native input that is drawn by what is around it, or beside it.
  const around = [at, at.parentElement, at.parentElement?.parentElement, at.nextElementSibling, ...at.children];
  // The focused row of a list by aria-activedescendant.
  const active = document.getElementById(at.getAttribute('aria-activedescendant') ?? '');
  const label = at.labels?.[0] ?? null;
  const box = label !== null && (right - left < 2 || getComputedStyle(at).opacity === '0' || getComputedStyle(at).clipPath !== 'none') ? label.getBoundingClientRect() : { left, top, right, bottom };
  return {
    number: numbers.get(at),
    name: at.tagName.toLowerCase() + ' "' + (at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent ?? '').trim().replace(/\s+/g, ' ').slice(0, 60) + '"',
    isSeen: box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight && box.right - box.left > 1,
    isInLayer: at.closest('[role=dialog], [role=alertdialog], [role=menu], [role=listbox]') !== null,
    isMarked: [...around, active, label, ...(label?.children ?? [])].some(ring) || at.matches('main, h1, h2, [role=region], [role=menu]'),
  };
})()`;

const whereOf = async (page: Page): Promise<Stop | null> => (await page.evaluate(WHERE)) as Stop | null;

const faultsOf = ({ name, isSeen, isMarked }: Stop): readonly string[] => [
  ...(isSeen ? [] : [`keyboard: out of sight: ${name}`]),
  ...(isMarked ? [] : [`keyboard: no mark of the focus: ${name}`]),
];

/** Begins anew at the top of the page, or of the dialog that is open. */
export async function keyboardFaults(page: Page): Promise<readonly string[]> {
  const faults = new Set<string>();
  const seen = new Set<number>();
  let last = -1;
  let again = 0;
  for (let n = 0; n < MOST_STOPS; n += 1) {
    await page.keyboard.press('Tab');
    const stop = await whereOf(page);
    // Out of the page, into the browser's own controls: the way out exists.
    // Unless it began behind the last control: then round once more.
    if (stop === null && n < 2) continue;
    if (stop === null) break;
    if (stop.number === last) {
      again += 1;
      // A layer keeps the focus until it is closed, and may hold a single stop.
      if (again > 2 && !stop.isInLayer) faults.add(`keyboard: Tab does not leave ${stop.name}`);
      if (again > 2) break;
    } else again = 0;
    last = stop.number;
    for (const fault of faultsOf(stop)) faults.add(fault);
    // Once round, as in a dialog.
    if (seen.has(stop.number) && again === 0) break;
    seen.add(stop.number);
  }
  if (seen.size === 0) faults.add('keyboard: nothing can be reached');
  return [...faults];
}

/** Whether Escape closes what lies over the page, and gives the focus back to it. */
export async function escapeFaults(page: Page): Promise<readonly string[]> {
  const layers = page.locator('[role=dialog], [role=alertdialog], [role=menu]');
  const before = await layers.count();
  if (before === 0) return ['keyboard: the scene promises a dialog or a menu, and there is none'];
  // The words beside a button that has the focus are over everything, and go first (WCAG 1.4.13).
  if ((await page.getByRole('tooltip').count()) > 0) await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  for (let tries = 0; tries < 200; tries += 1) {
    if ((await layers.count()) < before) break;
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(resolve))');
  }
  if ((await layers.count()) >= before) return ['keyboard: Escape does not close it'];
  await page.evaluate(
    'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))',
  );
  const isLost = await page.evaluate('document.activeElement === document.body');
  return isLost === true ? ['keyboard: the focus is lost when it closes'] : [];
}
