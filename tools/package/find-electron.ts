/** Where an Electron is on this machine, if anywhere: named, in the packages, or installed with the desktop program. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

export function findElectron(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const name = { win32: 'electron.exe', darwin: 'Electron.app/Contents/MacOS/Electron' }[
    process.platform as string
  ];
  const file = name ?? 'electron';
  const named = env['ELECTRON_OVERRIDE_DIST_PATH'];
  return [
    ...(named === undefined ? [] : [join(named, file)]),
    join(ROOT, 'node_modules/electron/dist', file),
  ].find((path) => existsSync(path));
}
