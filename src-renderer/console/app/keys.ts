/** Keys that work everywhere in the console; none of them inside a text field, but for those with Ctrl. */
import { useEffect } from 'react';

export interface KeyActions {
  readonly openPalette: () => void;
  readonly openKeys: () => void;
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || target.matches('input, textarea, select') || target.shadowRoot !== null);

/** With a modifier it is the browser's, in a field it is text, over a dialog it is the dialog's. */
const isElsewhere = (event: KeyboardEvent): boolean =>
  event.ctrlKey ||
  event.metaKey ||
  event.altKey ||
  isTyping(event.target) ||
  document.querySelector('.veil') !== null;

export function useKeys({ openPalette, openKeys }: KeyActions): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the actions only set state
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        openPalette();
        return;
      }
      if (isElsewhere(event)) return;
      if (event.key === '/') {
        const field = document.querySelector<HTMLElement>('input[data-search]');
        if (field === null) return;
        event.preventDefault();
        field.focus();
      } else if (event.key === '?') openKeys();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}
