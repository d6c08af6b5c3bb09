/** Forms that somebody began to fill in: what nobody asked to leave is not left for them. */
import { useEffect } from 'react';

let begun = 0;

export const isFormBegun = (): boolean => begun > 0;

export function useBegunForm(isBegun: boolean): void {
  useEffect(() => {
    if (!isBegun) return;
    begun += 1;
    return () => {
      begun -= 1;
    };
  }, [isBegun]);
}
