/** How a QR code is drawn; apart from the drawing, which loads a library. */

export const QR_FORMATS = ['auto', 'ascii', 'large', 'small'] as const;
export type QrFormat = (typeof QR_FORMATS)[number];

/** Half blocks need a terminal that shows UTF-8, which the locale tells. */
export function pickQrFormat(
  format: QrFormat,
  env: Readonly<Record<string, string | undefined>>,
): Exclude<QrFormat, 'auto'> {
  if (format !== 'auto') return format;
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return /\.utf-?8$/i.test(locale) ? 'small' : 'ascii';
}
