/** A QR code drawn as one path, so that it scales and needs neither canvas nor inline styles. */
import { create } from 'qrcode';
import './qr.css';

const QUIET = 4; // ISO/IEC 18004 §6.3.8: four modules of quiet zone

export function Qr({ text, label }: { readonly text: string; readonly label: string }): React.JSX.Element {
  const { modules } = create(text, { errorCorrectionLevel: 'M' });
  const side = modules.size + 2 * QUIET;
  const dark: string[] = [];
  for (let y = 0; y < modules.size; y += 1)
    for (let x = 0; x < modules.size; x += 1)
      if (modules.get(y, x) !== 0) dark.push(`M${x + QUIET} ${y + QUIET}h1v1h-1z`);
  return (
    <svg className="qr" viewBox={`0 0 ${side} ${side}`} role="img" aria-label={label}>
      <rect width={side} height={side} className="qr-light" />
      <path d={dark.join('')} className="qr-dark" shapeRendering="crispEdges" />
    </svg>
  );
}
