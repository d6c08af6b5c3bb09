/**
 * What is wrong with a page's layout: cut off, on top of each other, wider than the window, smaller than a fingertip.
 *
 * Pictures of a page can be compared only where the same browser draws the same font (compare.ts). These rules hold for
 * every browser and font, so they are what fails a scene; they see what a person would call broken, and a new shade of grey is
 * none of their business.
 */
import type { Page } from 'playwright-core';

/** An expression for the page: a list of sentences. */
const FAULTS = String.raw`(() => {
  const faults = [];
  const say = (what, element) => faults.push('layout: ' + what + ': ' + nameOf(element));
  const nameOf = (element) => {
    const text = (element.getAttribute('aria-label') ?? element.textContent ?? '').trim().replace(/\s+/g, ' ').slice(0, 60);
    return element.tagName.toLowerCase() + (element.className && typeof element.className === 'string' ? '.' + element.className.split(' ')[0] : '') + ' "' + text + '"';
  };
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth + 1) say('the page scrolls sideways by ' + (root.scrollWidth - root.clientWidth), document.body);

  const isShown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  /** The part of a box that those around it let be seen; undefined where nothing of it is. */
  const seenPart = (element) => {
    let { left, top, right, bottom } = element.getBoundingClientRect();
    for (let around = element.parentElement; around !== null; around = around.parentElement) {
      const { overflowX, overflowY, position } = getComputedStyle(around);
      const box = around.getBoundingClientRect();
      if (overflowX !== 'visible') { left = Math.max(left, box.left); right = Math.min(right, box.right); }
      if (overflowY !== 'visible') { top = Math.max(top, box.top); bottom = Math.min(bottom, box.bottom); }
      if (position === 'fixed') break;
    }
    return right - left > 1 && bottom - top > 1 ? { left, top, right, bottom } : undefined;
  };
  const isForReadersOnly = (element) => {
    for (let one = element; one !== null; one = one.parentElement) {
      const { clipPath, position, width } = getComputedStyle(one);
      if (clipPath.startsWith('inset(50') || (position === 'absolute' && parseFloat(width) <= 1)) return true;
    }
    return false;
  };
  const layers = [...document.querySelectorAll('[role=dialog], [role=alertdialog], [role=menu], [role=listbox]')].filter(isShown);
  const dialog = layers.find((one) => one.matches('[role=dialog], [role=alertdialog]'));
  const scope = dialog ?? document.body;

  for (const element of scope.querySelectorAll('*')) {
    if (element.closest('svg, canvas, option') !== null) continue;
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');
    if (!hasText || !isShown(element) || isForReadersOnly(element)) continue;
    const { overflowX, overflowY, textOverflow, display, webkitLineClamp } = getComputedStyle(element);
    if (display === 'inline') continue;
    if (overflowX !== 'visible' && overflowX !== 'auto' && overflowX !== 'scroll' && textOverflow !== 'ellipsis' && element.scrollWidth > element.clientWidth + 1)
      say('text is cut off at its side', element);
    if (overflowY === 'hidden' && webkitLineClamp === 'none' && textOverflow !== 'ellipsis' && element.scrollHeight > element.clientHeight + 3)
      say('text is cut off below', element);
    const box = element.getBoundingClientRect();
    const part = seenPart(element);
    // Sideways only: what is further down can be scrolled to.
    if (part !== undefined && (part.left > box.left + 2 || part.right < box.right - 2) && !canScrollSideways(element))
      say('is cut off by what is around it', element);
  }
  function canScrollSideways(element) {
    for (let around = element; around !== null; around = around.parentElement) {
      const { overflowX } = getComputedStyle(around);
      if ((overflowX === 'auto' || overflowX === 'scroll') && around.scrollWidth > around.clientWidth) return true;
    }
    return false;
  }

  const controls = [...scope.querySelectorAll('button, a[href], input:not([type=hidden]), select, textarea, [role=switch], [role=tab], [role=menuitem], [role=option]')]
    .filter((one) => isShown(one) && !isForReadersOnly(one))
    .map((element) => ({ element, part: seenPart(element) }))
    .filter(({ part }) => part !== undefined);
  for (const { element, part } of controls) {
    if (part.left < -1 || part.right > root.clientWidth + 1) say('is outside of the window', element);
  }
  for (let n = 0; n < controls.length; n += 1)
    for (let m = n + 1; m < controls.length; m += 1) {
      const [a, b] = [controls[n], controls[m]];
      if (a.element.contains(b.element) || b.element.contains(a.element)) continue;
      const width = Math.min(a.part.right, b.part.right) - Math.max(a.part.left, b.part.left);
      const height = Math.min(a.part.bottom, b.part.bottom) - Math.max(a.part.top, b.part.top);
      if (width <= 2 || height <= 2) continue;
      // One lies wholly within the other: a button in a field, or in a row that is a link.
      const inside = (x, y) => x.left >= y.left - 1 && x.right <= y.right + 1 && x.top >= y.top - 1 && x.bottom <= y.bottom + 1;
      if (inside(a.part, b.part) || inside(b.part, a.part)) continue;
      const floats = (one) => { for (let at = one; at !== null; at = at.parentElement) if (['fixed', 'sticky'].includes(getComputedStyle(at).position)) return true; return false; };
      if (floats(a.element) !== floats(b.element)) continue;
      say('lies over another control, ' + nameOf(a.element), b.element);
    }
  return faults;
})()`;

export const layoutFaults = async (page: Page): Promise<readonly string[]> =>
  (await page.evaluate(FAULTS)) as readonly string[];
