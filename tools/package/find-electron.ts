/** Where an Electron is on this machine, if anywhere: named, in the packages, or installed with the desktop program. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

const BINARY: Readonly<Record<string, string>> = {
  win32: 'electron.exe',
  darwin: 'Electron.app/Contents/MacOS/Electron',
};
const INSTALLED: Readonly<Record<string, string>> = {
  win32: 'C:\\Program Files\\Rhumb\\Rhumb.exe',
  darwin: '/Applications/Rhumb.app/Contents/MacOS/Rhumb',
  linux: '/opt/Rhumb/rhumb-desktop',
};

export function findElectron(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const file = BINARY[process.platform] ?? 'electron';
  const named = env['ELECTRON_OVERRIDE_DIST_PATH'];
  return [
    ...(named === undefined ? [] : [join(named, file)]),
    join(ROOT, 'node_modules/electron/dist', file),
  ].find((path) => existsSync(path));
}

/** The desktop program as its package puts it. */
export const findInstalled = (): string | undefined =>
  [INSTALLED[process.platform]].find((path) => path !== undefined && existsSync(path));
