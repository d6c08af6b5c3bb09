/** Makes a backup every so often, checks it, and lets old ones go; a failure is told, and tried again soon. */
import { join } from 'node:path';
import type { Clock } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { Meter } from '../state/meter.ts';
import type { Disk } from '../store/store.ts';
import { ageOf, backupName, createBackup, listBackups, pruneBackups } from './files.ts';

export interface BackupSettings {
  readonly folder: string;
  readonly everyMs: number;
  readonly keep: number;
}

export interface ScheduleDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** Undefined = none are made; asked each time. */
  readonly settings: () => BackupSettings | undefined;
  readonly failed: (why: string) => void;
}

const FIRST_MS = 30_000;
const RETRY_MS = 300_000;
const IDLE_MS = 60_000;

export interface Backups extends AsyncDisposable {
  /** When they began to fail; undefined while they succeed. */
  readonly failingSince: number | undefined;
  /** Of the newest that is good, by the wall clock; undefined until it is known. */
  readonly madeAt: number | undefined;
}

/** Its end waits for the one that is being made. */
export function scheduleBackups(deps: ScheduleDeps): Backups {
  const { clock, log, meter } = deps;
  let isOver = false;
  let cancel: (() => void) | undefined;
  let underWay = Promise.resolve();
  let failingSince: number | undefined;
  let madeAt: number | undefined;
  const arm = (ms: number): void => {
    if (!isOver)
      cancel = clock.after(Math.max(1_000, ms), () => {
        underWay = look();
      });
  };
  const look = async (): Promise<void> => {
    const settings = deps.settings();
    if (settings === undefined) {
      failingSince = undefined;
      return arm(IDLE_MS);
    }
    try {
      const nextInMs = await backUp(deps, settings);
      failingSince = undefined;
      madeAt = clock.now() - (settings.everyMs - nextInMs);
      arm(nextInMs);
    } catch (error) {
      const why = toRhumbError(error).message;
      log('error', 'backup.failed', { error: why, retryInMs: RETRY_MS });
      meter.count('backups', { result: 'failed' });
      failingSince ??= clock.now();
      deps.failed(why);
      arm(RETRY_MS);
    }
  };
  arm(FIRST_MS);
  return {
    get failingSince() {
      return failingSince;
    },
    get madeAt() {
      return madeAt;
    },
    [Symbol.asyncDispose]: async () => {
      isOver = true;
      cancel?.();
      await underWay;
    },
  };
}

/** The time until the next one. A restart makes none before its time. */
async function backUp(deps: ScheduleDeps, { folder, everyMs, keep }: BackupSettings): Promise<number> {
  const { clock, log, meter, disk } = deps;
  const [newest] = await listBackups(folder);
  const age = newest === undefined ? everyMs : await ageOf(join(folder, newest), clock.now());
  // A clock that went back makes a backup of tomorrow; it is not waited for.
  if (age >= 0 && age < everyMs) return everyMs - age;
  const { file, bytes, nodes } = await createBackup(disk, join(folder, backupName(clock.now())));
  const removed = await pruneBackups(folder, keep);
  log('info', 'backup.made', { file, bytes, nodes, removed });
  meter.count('backups', { result: 'made' });
  return everyMs;
}
