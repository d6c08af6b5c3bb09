/** Keeps a table's head as wide as its rows, which a scroll bar may stand beside. */
import { type RefObject, useLayoutEffect } from 'react';

/** Tells `root` the width of the bar of `scroller` as `--grid-bar`; `isThere`: there are rows. */
export function useBar(
  root: RefObject<HTMLElement | null>,
  scroller: RefObject<HTMLElement | null>,
  isThere: boolean,
): void {
  useLayoutEffect(() => {
    const [outer, inner] = [root.current, scroller.current];
    const content = inner?.firstElementChild;
    if (!isThere || outer === null || inner === null || content === null || content === undefined) return;
    const measure = (): void =>
      outer.style.setProperty('--grid-bar', `${inner.offsetWidth - inner.clientWidth}px`);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(content);
    return () => observer.disconnect();
  }, [root, scroller, isThere]);
}
