/** Places on a circle around the middle, the first at the top, clockwise; pure. */

export interface Placed {
  readonly x: number;
  readonly y: number;
  readonly labelX: number;
  readonly labelY: number;
  readonly anchor: 'start' | 'middle' | 'end';
}

/** Room for names outside. */
const MARGIN = 84;
const LABEL_GAP = 12;

export function placed(count: number, size: number): readonly Placed[] {
  const middle = size / 2;
  const radius = middle - MARGIN;
  return Array.from({ length: count }, (_, n) => {
    const angle = (2 * Math.PI * n) / count - Math.PI / 2;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    return {
      x: middle + radius * cos,
      y: middle + radius * sin,
      labelX: middle + (radius + LABEL_GAP) * cos,
      labelY: middle + (radius + LABEL_GAP) * sin + 4,
      anchor: Math.abs(cos) < 0.2 ? 'middle' : cos > 0 ? 'start' : 'end',
    };
  });
}
