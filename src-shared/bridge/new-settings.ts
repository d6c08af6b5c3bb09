/** The program's own settings when nobody chose. */
import type { GuiSettings } from './contract.ts';

export const NEW_GUI_SETTINGS: GuiSettings = {
  language: '',
  theme: 'system',
  contrast: 'system',
  density: 'comfortable',
  trayIcon: 'colour',
  onClose: 'auto',
  startAtLogin: false,
  startHidden: true,
  confirmDisconnect: false,
  notifications: {},
  notifyOnlyHidden: true,
  pinnedDevices: [],
  recentExitNodes: [],
  sshUsers: {},
  isIntroduced: false,
  dismissed: {},
  quietKeyUntilMs: 0,
};
