/** Opening `ssh user@device` in the terminal that the person has (desktop.md §5.5); arguments are never a line for a shell. */
import type { Argv } from '../service/types.ts';

/** How each takes a program with its arguments; the first that is there is used. */
const LINUX: readonly (readonly [path: string, ...before: string[]])[] = [
  ['/usr/bin/xdg-terminal-exec'],
  ['/usr/bin/gnome-terminal', '--'],
  ['/usr/bin/kgx', '--'],
  ['/usr/bin/konsole', '-e'],
  ['/usr/bin/xfce4-terminal', '-x'],
  ['/usr/bin/alacritty', '-e'],
  ['/usr/bin/kitty', '--'],
  ['/usr/bin/foot', '--'],
  ['/usr/bin/wezterm', 'start', '--'],
  ['/usr/bin/x-terminal-emulator', '-e'],
  ['/usr/bin/xterm', '-e'],
];
const SSH = '/usr/bin/ssh';
const WINDOWS_SSH = 'C:\\Windows\\System32\\OpenSSH\\ssh.exe';

/** `target` was checked by who found it. Undefined where no terminal is known: then the command is copied, and said so. */
export function terminalArgv(
  target: string,
  platform: string,
  isFile: (path: string) => boolean,
  localAppData: string | undefined,
): Argv | undefined {
  if (platform === 'linux') {
    const found = LINUX.find(([path]) => isFile(path));
    return found === undefined || !isFile(SSH) ? undefined : [...found, SSH, '--', target];
  }
  // Terminal registers itself for ssh: addresses and asks before it connects.
  if (platform === 'darwin') return ['/usr/bin/open', `ssh://${bracketed(target)}`];
  if (platform !== 'win32' || !isFile(WINDOWS_SSH)) return undefined;
  const terminal = localAppData === undefined ? '' : `${localAppData}\\Microsoft\\WindowsApps\\wt.exe`;
  if (terminal !== '' && isFile(terminal)) return [terminal, WINDOWS_SSH, '--', target];
  return ['C:\\Windows\\System32\\conhost.exe', WINDOWS_SSH, '--', target];
}

/** An IPv6 address in a URL. */
const bracketed = (target: string): string => target.replace(/[0-9a-f]*:[0-9a-f:]*$/, '[$&]');
