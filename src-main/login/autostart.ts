/** Starting at login on Linux: a desktop entry among the person's own (freedesktop.org, Autostart Specification). */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { APP_ID, PRODUCT } from '../product.ts';
import type { LoginItem } from './login-item.ts';

export function autostartPath(env: NodeJS.ProcessEnv, home: string): string {
  const config = env['XDG_CONFIG_HOME'] ?? '';
  return join(isAbsolute(config) ? config : join(home, '.config'), 'autostart', `${APP_ID}.desktop`);
}

/**
 * The file that starts us again: of an AppImage the image, not what it unpacked. Programs that an AppImage starts inherit its
 * variables, so they count only when we lie in what they name.
 */
export function ownProgram(env: NodeJS.ProcessEnv, execPath: string): string {
  const [image = '', folder = ''] = [env['APPIMAGE'], env['APPDIR']];
  return isAbsolute(image) && folder !== '' && execPath.startsWith(`${folder}/`) ? image : execPath;
}

export const autostartEntry = (argv: readonly string[]): string =>
  `[Desktop Entry]
Type=Application
Name=${PRODUCT}
Exec=${argv.map(quoted).join(' ')}
Terminal=false
X-GNOME-Autostart-enabled=true
`;

/** As the Desktop Entry Specification quotes an argument, and then a string. */
function quoted(argument: string): string {
  const inside = argument.replace(/["`$\\]/g, '\\$&').replaceAll('%', '%%');
  return `"${inside}"`.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

/** `program` is what starts us, with the arguments that it always needs. */
export const autostart = (path: string, program: readonly string[]): LoginItem => ({
  isOn: () => {
    try {
      // Desktops switch one off by a line in it.
      return !/^(?:Hidden=true|X-GNOME-Autostart-enabled=false)\s*$/m.test(readFileSync(path, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  },
  set: (isOn, args) => {
    if (!isOn) return rmSync(path, { force: true });
    mkdirSync(dirname(path), { recursive: true });
    const temporary = `${path}.${process.pid}.tmp`;
    writeFileSync(temporary, autostartEntry([...program, ...args]), { mode: 0o644 });
    renameSync(temporary, path);
  },
});
