/** Which file draws the tray's icon on this system, in this light. */
import { join } from 'node:path';
import type { GuiSettings } from '#shared/bridge/contract.ts';
import type { TrayModel } from './types.ts';

/** Electron finds the `@2x` beside it. Names are those that tools/icons.ts writes. */
export function trayImage(
  { icon, hasAttention }: Pick<TrayModel, 'icon' | 'hasAttention'>,
  options: {
    readonly folder: string;
    readonly platform: string;
    readonly style: GuiSettings['trayIcon'];
    /** Whether the bar is dark, as far as the system says. */
    readonly isDark: boolean;
  },
): string {
  const { folder, platform, style, isDark } = options;
  const name = hasAttention ? `${icon}-attention` : icon;
  if (platform === 'darwin') return join(folder, `${name}Template.png`);
  const look = style === 'mono' ? (isDark ? 'light' : 'dark') : 'colour';
  return join(folder, `${name}-${look}.${platform === 'win32' ? 'ico' : 'png'}`);
}
