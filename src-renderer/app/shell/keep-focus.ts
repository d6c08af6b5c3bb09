/** The focus never falls out of the page: when what had it goes away, the heading of the screen takes it (WCAG 2.4.3). */
import { useEffect } from 'react';

/** What opened a dialog gets the focus back within a frame; it comes first. */
const FRAMES = 2;

export function useKeptFocus(): void {
  useEffect(() => {
    let last: EventTarget | null = null;
    let frame = 0;
    const noted = ({ target }: FocusEvent): void => {
      last = target;
    };
    const look = (left: number): void => {
      frame = 0;
      if (!isLost(last)) return;
      if (left > 0) frame = requestAnimationFrame(() => look(left - 1));
      else focusHeading();
    };
    const observer = new MutationObserver(() => {
      if (frame === 0 && isLost(last)) frame = requestAnimationFrame(() => look(FRAMES - 1));
    });
    document.addEventListener('focusin', noted);
    observer.observe(document.body, {
      subtree: true,
      childList: true,
      attributes: true,
      attributeFilter: ['disabled'],
    });
    return () => {
      document.removeEventListener('focusin', noted);
      observer.disconnect();
      cancelAnimationFrame(frame);
    };
  }, []);
}

/** For what changes the screen without leaving it: whoever comes by ear begins at its heading again. */
export function focusHeading(): void {
  document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true });
}

/** Nothing has it, and not because somebody clicked beside everything. */
function isLost(last: EventTarget | null): boolean {
  if (document.activeElement !== document.body || !(last instanceof HTMLElement)) return false;
  return !last.isConnected || last.matches(':disabled');
}
