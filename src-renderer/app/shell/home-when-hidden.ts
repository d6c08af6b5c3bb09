/** Who comes back after ten minutes finds Home, unless a form was begun. */
import { useEffect } from 'react';
import { isFormBegun } from './begun.ts';
import { go } from './route.ts';

const HIDDEN_MS = 600_000;

export function useHomeWhenHidden(): void {
  useEffect(() => {
    let hiddenAt: number | undefined;
    const onChange = (): void => {
      if (document.visibilityState === 'hidden') {
        hiddenAt = Date.now();
        return;
      }
      const isLong = hiddenAt !== undefined && Date.now() - hiddenAt >= HIDDEN_MS;
      hiddenAt = undefined;
      if (isLong && !isFormBegun()) go('/', 'replace');
    };
    document.addEventListener('visibilitychange', onChange);
    return () => document.removeEventListener('visibilitychange', onChange);
  }, []);
}
