/** What happens when the window is closed, and what the program does at its start without being asked for a window. */
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

export const startsHidden = (argv: readonly string[], hasTray: boolean): boolean =>
  hasTray && argv.includes('--hidden');
