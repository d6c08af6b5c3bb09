/** Whether this desktop shows tray icons at all (desktop.md §6.5): asked of the user's bus on Linux, known elsewhere. */
import type { Argv, RunProgram } from '../service/types.ts';

/** Whoever draws the icons has this name; AppIndicator on GNOME, the desktop itself elsewhere. */
export const findTrayHost: Argv = [
  '/usr/bin/busctl',
  '--user',
  '--no-pager',
  'status',
  'org.kde.StatusNotifierWatcher',
];

export async function hasTrayHost(platform: string, run: RunProgram): Promise<boolean> {
  if (platform !== 'linux') return true;
  return (await run(findTrayHost, { timeoutMs: 2_000 })).code === 0;
}
