/** electron-updater as our Updater: full installers, asked for by the person, never a downgrade. */
import type { AppUpdater } from 'electron-updater';
import type { Updater } from './updates.ts';

export async function openElectronUpdater(feed: string): Promise<Updater> {
  const { default: library } = await import('electron-updater');
  const updater: AppUpdater = library.autoUpdater;
  updater.setFeedURL({ provider: 'generic', url: feed });
  updater.autoDownload = false;
  updater.autoInstallOnAppQuit = false;
  updater.allowDowngrade = false;
  updater.disableDifferentialDownload = true;
  updater.disableWebInstaller = true;
  return {
    newest: async () => (await updater.checkForUpdates())?.updateInfo.version,
    download: async () => void (await updater.downloadUpdate()),
    install: () => updater.quitAndInstall(false, true),
  };
}
