/** What happens when the window is closed. */
import type { GuiSettings } from '#shared/bridge/contract.ts';

/** Without a tray nobody could bring a hidden window back, unless the system has a dock. */
export function closeMeans(
  onClose: GuiSettings['onClose'],
  hasTray: boolean,
  platform: string,
): 'hide' | 'quit' {
  if (onClose !== 'auto') return onClose;
  return hasTray || platform === 'darwin' ? 'hide' : 'quit';
}
