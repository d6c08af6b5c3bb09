/** Every drawing of the program, from one description: the app's icon and the seven of the tray (desktop.md §6.2). */

export const TRAY_ICONS = ['off', 'connecting', 'on', 'on-exit', 'warning', 'blocked', 'unknown'] as const;
type TrayIcon = (typeof TRAY_ICONS)[number];

export const LOOKS = ['colour', 'light', 'dark', 'Template'] as const;
type Look = (typeof LOOKS)[number];

/** A rhumb line crosses every meridian at one angle: two points joined by a straight course. */
const course = (ink: string, width: number): string =>
  `<path d="M6 18 18 6" fill="none" stroke="${ink}" stroke-width="${width}" stroke-linecap="round"/>`;
const dot = (x: number, y: number, r: number, ink: string): string =>
  `<circle cx="${x}" cy="${y}" r="${r}" fill="${ink}"/>`;
const ring = (x: number, y: number, r: number, ink: string, width = 2): string =>
  `<circle cx="${x}" cy="${y}" r="${r}" fill="none" stroke="${ink}" stroke-width="${width}"/>`;

const INK: Readonly<Record<TrayIcon, string>> = {
  off: '#7a828c',
  connecting: '#3b82f6',
  on: '#2f9e5f',
  'on-exit': '#3b82f6',
  warning: '#c97f0a',
  blocked: '#d64545',
  unknown: '#7a828c',
};
const MONO: Readonly<Record<Exclude<Look, 'colour'>, string>> = {
  light: '#ffffff',
  dark: '#1f2328',
  Template: '#000000',
};

/** Shapes differ, not only colours: each can be told from the others in one ink. */
function shape(icon: TrayIcon, ink: string): string {
  switch (icon) {
    case 'off':
      return ring(6, 18, 3, ink) + ring(18, 6, 3, ink);
    case 'connecting':
      return `${dot(6, 18, 3.5, ink)}${ring(18, 6, 3, ink)}<path d="M9 15 15 9" stroke="${ink}" stroke-width="2.4" stroke-dasharray="2 2.6" stroke-linecap="round"/>`;
    case 'on':
      return course(ink, 2.6) + dot(6, 18, 3.8, ink) + dot(18, 6, 3.8, ink);
    case 'on-exit':
      return `<path d="M12 1.5 21 5v6.5c0 5.2-3.6 9-9 11-5.4-2-9-5.8-9-11V5Z" fill="none" stroke="${ink}" stroke-width="2.2" stroke-linejoin="round"/><path d="M8.5 15.5 15.5 8.5" stroke="${ink}" stroke-width="2.4" stroke-linecap="round"/>${dot(8.5, 15.5, 2.2, ink)}${dot(15.5, 8.5, 2.2, ink)}`;
    case 'warning':
      return `<path d="M12 2.5 22 20.500H2Z" fill="none" stroke="${ink}" stroke-width="2.2" stroke-linejoin="round"/><path d="M12 9v5.5" stroke="${ink}" stroke-width="2.4" stroke-linecap="round"/>${dot(12, 17.6, 1.3, ink)}`;
    case 'blocked':
      return `<path d="M8 2.500h8l5.5 5.500v8L16 21.500H8L2.5 16V8Z" fill="none" stroke="${ink}" stroke-width="2.2" stroke-linejoin="round"/><path d="m8.5 8.5 7 7m0-7-7 7" stroke="${ink}" stroke-width="2.4" stroke-linecap="round"/>`;
    case 'unknown':
      return `${dot(6, 18, 2.2, ink)}${dot(12, 12, 2.2, ink)}${dot(18, 6, 2.2, ink)}`;
    default:
      return icon satisfies never;
  }
}

export function trayDrawing(icon: TrayIcon, look: Look, hasAttention: boolean): string {
  const ink = look === 'colour' ? INK[icon] : MONO[look];
  // On a mono icon the dot stands out by the gap around it, which is cut out of the drawing.
  const cut = hasAttention
    ? '<mask id="m"><rect width="24" height="24" fill="#fff"/><circle cx="19" cy="19" r="6.5"/></mask>'
    : '';
  const mark = hasAttention ? dot(19, 19, 4.2, look === 'colour' ? '#d64545' : ink) : '';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">${cut}<g${hasAttention ? ' mask="url(#m)"' : ''}>${shape(icon, ink)}</g>${mark}</svg>`;
}

/** All that there are. */
export const trayDrawings = () =>
  TRAY_ICONS.flatMap((icon) =>
    LOOKS.flatMap((look) => [false, true].map((hasAttention) => ({ icon, look, hasAttention }))),
  );
