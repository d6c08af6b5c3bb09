/** How wide an element is, in rem, so that larger text counts as less room. */
import { type RefObject, useLayoutEffect, useState } from 'react';

export interface Room {
  readonly widthRem: number;
  readonly remPx: number;
}

const remNow = (): number => Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;

export function useRoom(ref: RefObject<HTMLElement | null>): Room {
  const [room, setRoom] = useState<Room>({ widthRem: 60, remPx: 16 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const measure = (): void => {
      const remPx = remNow();
      const widthRem = Math.round((element.clientWidth / remPx) * 2) / 2;
      setRoom((before) =>
        before.widthRem === widthRem && before.remPx === remPx ? before : { widthRem, remPx },
      );
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    // Its height is in rem: it tells when only the text becomes larger.
    if (element.firstElementChild !== null) observer.observe(element.firstElementChild);
    return () => observer.disconnect();
  }, [ref]);
  return room;
}
