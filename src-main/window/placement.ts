/** Where the window opens: where it was, as far as the displays of today allow. */
import { z } from 'zod';
import type { Rect } from '../shell.ts';

export const MIN_WIDTH = 360;
export const MIN_HEIGHT = 520;
const FIRST = { width: 960, height: 680 };
/** So much of the title bar must be on a display, or nobody can take hold of it. */
const GRIP = { width: 120, height: 32 };

const coordinate = z.number().int().min(-100_000).max(100_000);
export const placement = z.object({
  x: coordinate,
  y: coordinate,
  width: coordinate,
  height: coordinate,
  isMaximized: z.boolean(),
});
export type Placement = z.infer<typeof placement>;

/** Without a place the system chooses one. */
export function placeWindow(
  last: Placement | undefined,
  displays: readonly Rect[],
): Partial<Rect> & { readonly width: number; readonly height: number } {
  const [main] = displays;
  if (last === undefined) return main === undefined ? FIRST : fitted(FIRST, main);
  const home = displays.find((display) => holdsGrip(display, last));
  if (home === undefined) return main === undefined ? FIRST : fitted(last, main);
  const size = fitted(last, home);
  // The window may hang over an edge as it did, but its title bar stays in reach.
  return {
    ...size,
    x: clamp(last.x, home.x - size.width + GRIP.width, home.x + home.width - GRIP.width),
    y: clamp(last.y, home.y, home.y + home.height - GRIP.height),
  };
}

const fitted = (size: { readonly width: number; readonly height: number }, within: Rect) => ({
  width: Math.max(MIN_WIDTH, Math.min(size.width, within.width)),
  height: Math.max(MIN_HEIGHT, Math.min(size.height, within.height)),
});

function holdsGrip(display: Rect, { x, y, width }: Placement): boolean {
  const overlap = Math.min(x + width, display.x + display.width) - Math.max(x, display.x);
  return (
    overlap >= GRIP.width && y >= display.y - GRIP.height && y <= display.y + display.height - GRIP.height
  );
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
