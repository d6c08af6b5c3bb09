/** The program's own settings where the host keeps none, or has not told them yet. */
import type { GuiSettings } from '#shared/bridge/contract.ts';

export const DEFAULT_GUI: GuiSettings = {
  language: 'system',
  theme: 'system',
  contrast: 'system',
  density: 'comfortable',
  trayIcon: 'colour',
  onClose: 'auto',
  startAtLogin: false,
  startHidden: false,
  confirmDisconnect: false,
  notifications: {},
  notifyOnlyHidden: false,
  pinnedDevices: [],
  recentExitNodes: [],
  sshUsers: {},
  // Until the host says that nobody was: it must not flash by.
  isIntroduced: true,
  dismissed: {},
  quietKeyUntilMs: 0,
};
