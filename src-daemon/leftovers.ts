/** What a daemon that was killed may have left, on the system and beside its state, and how it goes. */
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { toRhumbError } from '#shared/errors.ts';
import { NetfilterMode, type Prefs } from '#shared/localapi/prefs.ts';
import type { Log } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { holdsBack } from './backend/exit-choice.ts';
import { undoSystemDns } from './dns/system/open.ts';
import { lockFile } from './ffi/fd.ts';
import { Firewall } from './firewall/firewall.ts';
import type { DaemonOptions } from './flags.ts';
import { type CleanupOptions, cleanup, openWay } from './router/cleanup.ts';
import { lockState } from './store/lock.ts';
import { holdLinuxTun } from './tun/linux.ts';

/** One per interface: daemons with different state files may share the folder. */
export const routerRecordPath = (stateDir: string, tunName: string): string =>
  join(stateDir, `router.${tunName}.json`);

export const mapCachePath = (statePath: string): string => statePath.replace(/(\.state)?$/, '.map.json');

/** For `--cleanup`: refuses while a daemon runs, with this state or with any other. Returns what was undone, for people. */
export async function cleanUp(options: DaemonOptions, log: Log): Promise<readonly string[]> {
  if (options.statePath === undefined || !existsSync(dirname(options.statePath)))
    return await undo(options, log, { hold: holdLinuxTun, keepKillSwitch: false });
  await using _lock = await lockState(options.statePath, process.pid, lockFile);
  return await undo(options, log, { hold: holdLinuxTun, keepKillSwitch: false });
}

/**
 * At start, when the interface is ours already: while another daemon had it, this would have been its routes. A kill
 * switch holds until this run knows whether it wants one.
 */
export async function undoLeftovers(options: DaemonOptions, log: Log): Promise<void> {
  await undo(options, log, { hold: () => ({ [Symbol.dispose]: () => undefined }), keepKillSwitch: true });
}

/**
 * At start, before anything that takes time or can fail: after a boot, or when somebody has flushed the firewall, nothing
 * holds back what an exit node is to carry. What an earlier run closed stays as it is, and knows the networks beside us.
 */
export async function closeEarly(
  { tun }: Pick<DaemonOptions, 'tun'>,
  prefs: Parameters<typeof holdsBack>[0] & Pick<Prefs, 'NetfilterMode'>,
  firewall: Pick<Firewall, 'hasKillSwitch' | 'setKillSwitch'>,
  log: Log,
): Promise<void> {
  if (tun === undefined || !holdsBack(prefs) || prefs.NetfilterMode === NetfilterMode.Off) return;
  try {
    if (await firewall.hasKillSwitch()) return;
    await firewall.setKillSwitch({ lan: [] }, { kind: '', forwards: false }, tun);
  } catch (error) {
    // The data plane tries the same again, and tells the user.
    log('warn', 'kill-switch.not-early', { error: toRhumbError(error).message });
  }
}

async function undo(
  { tun, stateDir }: DaemonOptions,
  log: Log,
  how: Pick<CleanupOptions, 'hold' | 'keepKillSwitch'>,
): Promise<readonly string[]> {
  // An earlier run with an interface may have closed the way.
  if (tun === undefined) return how.keepKillSwitch ? [] : await openWay(new Firewall(log));
  const names = (): Promise<readonly string[]> =>
    undoSystemDns({ tunName: tun, clock: systemClock(), log: log.child({ mod: 'dns' }) });
  let router: readonly string[];
  try {
    router = await cleanup({ tunName: tun, recordPath: routerRecordPath(stateDir, tun), log, ...how });
  } catch (error) {
    // Names are no less wanted back where routes are stuck, unless another daemon has the interface.
    if (toRhumbError(error).code !== 'conflict') await names();
    throw error;
  }
  return [...router, ...(await names())];
}

/** Removes what a crash left between writing these files and renaming them; another daemon's are left alone. */
export async function sweepTemporary(paths: readonly string[]): Promise<void> {
  for (const folder of new Set(paths.map(dirname))) {
    const stems = paths.filter((path) => dirname(path) === folder).map((path) => `.${basename(path)}.`);
    for (const name of await readdir(folder))
      if (stems.some((stem) => name.startsWith(stem) && /^[0-9a-f]{12}\.tmp$/.test(name.slice(stem.length))))
        await rm(join(folder, name), { force: true });
  }
}
