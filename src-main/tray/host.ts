/** Whether this desktop shows tray icons at all (desktop.md §6.5): asked of the user's bus on Linux, known elsewhere. */
import type { Clock } from '#shared/async/clock.ts';
import type { Argv, RunProgram } from '../service/types.ts';

/** Who keeps the icons has this name; whether somebody draws them it knows: AppIndicator on GNOME, else the desktop itself. */
const WATCHER = 'org.kde.StatusNotifierWatcher';
const PATH = '/StatusNotifierWatcher';
const DRAWN = 'IsStatusNotifierHostRegistered';
const TIMEOUT_MS = 2_000;

/** The same question by two programs; the second where there is no systemd. Neither starts anything. */
export const TRAY_QUESTIONS: readonly Argv[] = [
  ['/usr/bin/busctl', '--user', '--auto-start=no', 'get-property', WATCHER, PATH, WATCHER, DRAWN],
  [
    '/usr/bin/dbus-send',
    '--session',
    '--print-reply=literal',
    `--dest=${WATCHER}`,
    PATH,
    'org.freedesktop.DBus.Properties.Get',
    `string:${WATCHER}`,
    `string:${DRAWN}`,
  ],
];

export async function hasTrayHost(platform: string, run: RunProgram): Promise<boolean> {
  if (platform !== 'linux') return true;
  for (const question of TRAY_QUESTIONS) {
    const { code, output } = await run(question, { timeoutMs: TIMEOUT_MS });
    // -1: that program is not here, or did not end.
    if (code !== -1) return code === 0 && /\btrue\s*$/.test(output);
  }
  return false;
}

const WHO: Argv = ['/usr/bin/busctl', '--user', '--auto-start=no', 'status', WATCHER];

/** By the program that keeps the icons; people know what they look at by these names. */
const NAMES: Readonly<Record<string, string>> = {
  'gnome-shell': 'GNOME',
  kded5: 'KDE Plasma',
  kded6: 'KDE Plasma',
  plasmashell: 'KDE Plasma',
  'xapp-sn-watcher': 'Cinnamon',
  cinnamon: 'Cinnamon',
  'xfce4-panel': 'Xfce',
  'wrapper-2.0': 'Xfce',
  'mate-panel': 'MATE',
  'lxqt-panel': 'LXQt',
  'budgie-panel': 'Budgie',
  swaybar: 'Sway',
  waybar: 'Waybar',
};

/** Undefined = it is none that has a name here, or nobody says. */
export async function trayHostName(platform: string, run: RunProgram): Promise<string | undefined> {
  if (platform !== 'linux') return undefined;
  const { code, output } = await run(WHO, { timeoutMs: TIMEOUT_MS });
  const program = /^Comm=(\S+)$/m.exec(output)?.[1] ?? '';
  return code === 0 && Object.hasOwn(NAMES, program) ? NAMES[program] : undefined;
}

/** A session that has just begun gets its panel, and GNOME its extension, within these. */
const SOON_MS = 2_000;
const SOON_LOOKS = 15;
/** Later a host comes or goes when somebody changes the desktop. */
const SELDOM_MS = 30_000;

export interface HostWatch {
  readonly clock: Clock;
  readonly platform: string;
  readonly has: () => Promise<boolean>;
  readonly changed: (has: boolean) => void;
}

/** Looks again and again, and tells of each change; `now` is what is known. Returns how to stop. */
export function watchTrayHost({ clock, platform, has, changed }: HostWatch, now: boolean): () => void {
  if (platform !== 'linux') return () => undefined;
  let known = now;
  let looks = 0;
  let isStopped = false;
  let cancel = (): void => undefined;
  const look = async (): Promise<void> => {
    const found = await has();
    if (isStopped) return;
    if (found !== known) {
      known = found;
      changed(found);
    }
    wait();
  };
  const wait = (): void => {
    looks++;
    cancel = clock.after(!known && looks <= SOON_LOOKS ? SOON_MS : SELDOM_MS, () => void look());
  };
  wait();
  return () => {
    isStopped = true;
    cancel();
  };
}
