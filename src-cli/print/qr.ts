/** QR codes for login URLs, as text for a terminal and as a PNG for JSON output. */
import { create, toDataURL } from 'qrcode';
import type { QrFormat } from './qr-format.ts';

/** Modules of empty space that scanners need on each side. */
const QUIET = 4;

/** Whether a module is dark; outside the code everything is light. */
type IsDark = (row: number, column: number) => boolean;

/** Light modules are drawn, dark ones left out: terminals are mostly dark, and scanners read either. */
export function renderQr(text: string, format: Exclude<QrFormat, 'auto'>): string {
  const { modules } = create(text, { errorCorrectionLevel: 'M' });
  const size = modules.size + 2 * QUIET;
  const isDark: IsDark = (row, column) => {
    const [y, x] = [row - QUIET, column - QUIET];
    const isInside = y >= 0 && x >= 0 && y < modules.size && x < modules.size;
    return isInside && modules.get(y, x) !== 0;
  };
  return format === 'small'
    ? halfBlocks(size, isDark)
    : fullBlocks(size, isDark, format === 'ascii' ? '##' : '██');
}

const columns = (size: number): readonly number[] => [...new Array(size).keys()];

function fullBlocks(size: number, isDark: IsDark, light: string): string {
  const line = (row: number): string =>
    columns(size)
      .map((column) => (isDark(row, column) ? '  ' : light))
      .join('');
  return columns(size)
    .map((row) => `${line(row)}\n`)
    .join('');
}

/** Two rows in one line of text. */
function halfBlocks(size: number, isDark: IsDark): string {
  let out = '';
  for (let row = 0; row < size; row += 2) {
    for (let column = 0; column < size; column++) {
      const upper = !isDark(row, column);
      const lower = row + 1 < size && !isDark(row + 1, column);
      out += upper ? (lower ? '█' : '▀') : lower ? '▄' : ' ';
    }
    out += '\n';
  }
  return out;
}

const PNG_PIXELS = 128;

/** A `data:image/png;base64,…` URL. */
export const qrDataUrl = (text: string): Promise<string> =>
  toDataURL(text, { errorCorrectionLevel: 'M', width: PNG_PIXELS, type: 'image/png' });
